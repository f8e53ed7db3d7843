"""How well similar items are found without any event: `python -m benchmarks.similar [folder]`.

The shop's makers tied products to others by hand (`relations.csv`, type `upsell`). The links are hidden from the
system; for each product that has some, the share of them among its ten nearest products is its recall, and the mean
over these products is printed. "Without categories" leaves the category paths out of the text, because most links are
already found by guessing within the product's own category. "Kernel" is what the linear model makes of the same
products without any event.
"""

import csv
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import sparse

from server.catalog.decoding import decoded
from server.encoders import choice
from server.encoders.encoder import Vectors, load
from server.learning import kernel, linear
from server.learning.content import MOST_IMAGES, passage
from server.learning.fusing import category_vectors, fuse, shortened, unit
from server.learning.linear import Statistics
from server.learning.tuning import matrix_of
from server.settings import Settings
from server.settings import load as load_settings

LUMA = Path(__file__).parent.parent / "server" / "demo" / "data" / "luma"
K = 10
_RANDOM_RUNS = 200
T = TypeVar("T")


def main() -> None:
    """Encode the shop of the named folder and print the table."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else LUMA
    settings = load_settings()
    chosen = choice.choose(settings)
    rows = list(csv.DictReader((folder / "products.csv").open(encoding="utf-8", newline="")))
    links = _links(folder, [row["sku"] for row in rows])
    began = time.perf_counter()
    text_encoder, image_encoder = load(chosen.text, settings), load(chosen.image, settings)
    loaded_s = time.perf_counter() - began
    text, text_s = _timed(lambda: text_encoder.encode_texts([passage(_item(row)) for row in rows]))
    bare, _ = _timed(lambda: text_encoder.encode_texts([passage(_item(row) | {"categories": []}) for row in rows]))
    (image, has_image), image_s = _timed(lambda: _images(folder, rows, image_encoder.encode_images, settings))

    table = Table(title=f"recall@{K} of {sum(map(len, links.values()))} upsell links from {len(links)} products")
    for column in ("what is compared", f"recall@{K}", "without categories", "seconds"):
        table.add_column(column, justify="left" if column.startswith("what") else "right")
    all_, none = np.ones(len(rows), dtype=np.bool_), np.zeros(len(rows), dtype=np.bool_)
    categories = category_vectors([_item(row)["categories"] for row in rows])
    for name, has_text, has, seconds in (
        ("text only", all_, none, text_s),
        ("image only", none, has_image, image_s),
        ("both", all_, has_image, text_s + image_s),
    ):
        found = [recall(fuse(of, has_text, image, has, at), links) for of, at in ((text, categories), (bare, None))]
        table.add_row(name, f"{found[0]:.3f}", f"{found[1]:.3f}", f"{seconds:.1f}")
    pictures = shortened(image, has_image)
    for name, weights in (
        ("kernel, text only", linear.Settings()),
        ("kernel, image only", linear.Settings(text=0.0, image=3.0)),
        ("kernel, both, image 1", linear.Settings(image=1.0)),
        ("kernel, both, image 3", linear.Settings(image=3.0)),
    ):
        began = time.perf_counter()
        found = [
            _recall(_by_kernels([_words(row, placed=placed) for row in rows], pictures, weights), links)
            for placed in (True, False)
        ]
        table.add_row(name, f"{found[0]:.3f}", f"{found[1]:.3f}", f"{time.perf_counter() - began:.1f}")
    table.add_row("random", *[f"{_random(len(rows), links):.3f}"] * 2, "")
    table.add_row("random within the category", f"{_random_in_category(rows, links):.3f}", "", "")
    console = Console()
    console.print(table)
    console.print(
        f"text: {text_encoder.name}, image: {image_encoder.name} ({chosen.reason}); loaded in {loaded_s:.1f} s"
    )


def recall(vectors: NDArray[np.float32], links: dict[int, set[int]]) -> float:
    """The mean share of a product's links among its `K` nearest by dot product; `vectors` (n, d)."""
    return _recall(vectors @ vectors.T, links)


def _recall(scores: NDArray[np.float32], links: dict[int, set[int]]) -> float:
    """The same by scores (n, n)."""
    np.fill_diagonal(scores, -np.inf)
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    return float(np.mean([len(linked & set(nearest[row].tolist())) / len(linked) for row, linked in links.items()]))


def _links(folder: Path, skus: Sequence[str]) -> dict[int, set[int]]:
    number = {sku: row for row, sku in enumerate(skus)}
    links: defaultdict[int, set[int]] = defaultdict(set)
    for row in csv.DictReader((folder / "relations.csv").open(encoding="utf-8", newline="")):
        if row["type"] == "upsell":
            links[number[row["sku"]]].add(number[row["linked_sku"]])
    return dict(links)


def _item(row: dict[str, str]) -> dict[str, Any]:
    """The columns that an item of this shop has after its import, as far as its text is made of them."""
    return {
        "title": row["name"],
        "brand": "",
        "categories": [row["category"]] if row["category"] else [],
        "tags": [tag for tag in row["tags"].split("|") if tag],
        "attributes": msgspec.json.decode(row["attributes_json"] or "{}"),
        "description": row["description"],
    }


def _words(row: dict[str, str], *, placed: bool) -> str:
    """What the linear model compares, as in training; `placed`: with category paths."""
    item = _item(row)
    parts = [item["title"], *(item["categories"] if placed else []), " ".join(item["tags"][:10])]
    return ". ".join(part for part in parts if part)


def _by_kernels(words: list[str], images: Vectors, weights: linear.Settings) -> NDArray[np.float32]:
    """What the linear model says of each pair where nothing has happened yet, (n, n)."""
    nothing = sparse.csr_array((len(words), len(words)), dtype=np.float32)
    counted = Statistics(nothing, nothing, nothing)
    lists = linear.solve(counted, kernel.term_weights(words), weights, images=images).discover
    return matrix_of(lists, len(words)).toarray()


def _images(
    folder: Path, rows: Sequence[dict[str, str]], encode: Callable[[Sequence[Any]], Vectors], settings: Settings
) -> tuple[Vectors, NDArray[np.bool_]]:
    """The mean vector of each product's first images, and which products have one."""
    variants: defaultdict[str, list[str]] = defaultdict(list)
    for row in csv.DictReader((folder / "variants.csv").open(encoding="utf-8", newline="")):
        variants[row["sku"]].append(row["image"])
    names = [
        list(dict.fromkeys(name for name in (row["image"], *variants[row["sku"]]) if name))[:MOST_IMAGES]
        for row in rows
    ]
    flat = [(row, name) for row, of_row in enumerate(names) for name in of_row]
    vectors = encode([decoded(folder / name, settings) for _, name in flat])
    sums = np.zeros((len(rows), vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, [row for row, _ in flat], vectors)
    return unit(sums), np.array([bool(of_row) for of_row in names])


def _random(count: int, links: dict[int, set[int]]) -> float:
    generator = np.random.default_rng(0)
    runs = [recall(generator.normal(size=(count, 32)).astype(np.float32), links) for _ in range(_RANDOM_RUNS)]
    return float(np.mean(runs))


def _random_in_category(rows: Sequence[dict[str, str]], links: dict[int, set[int]]) -> float:
    """The expected recall of ten products drawn from the product's own category."""
    category = [row["category"] for row in rows]
    shares: list[float] = []
    for row, linked in links.items():
        pool = [other for other in range(len(rows)) if other != row and category[other] == category[row]]
        shares.append(min(1.0, K / len(pool)) * len(linked.intersection(pool)) / len(linked))
    return float(np.mean(shares))


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


if __name__ == "__main__":
    main()
