"""The product's own stack, as a shop's training runs it."""

import hashlib
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.shop import Products
from benchmarks.quality.splits import Split
from server.encoders.encoder import load
from server.learning import pipeline
from server.learning.evaluation import Scorer
from server.learning.goods import Goods
from server.learning.pipeline import Options
from server.learning.scorers import scorers
from server.settings import load as load_settings

_ENCODER = "minilm"  # always the same, so that figures compare
_THREADS = 2


def fit(split: Split, seed: int) -> list[Scorer]:
    """Train all stages that the shop's data supports."""
    options = Options(seed=seed, threads=_THREADS)
    trained, learned = pipeline.fit(split.train, split.validation, split.whole, goods_of(split.products), options)
    return list(scorers(trained, learned))


def prepare(products: Products) -> None:
    """Encode the products, which a shop does at import and not while training."""
    content_of(products.passages)


def goods_of(products: Products) -> Goods:
    """The products as training knows them."""
    count = len(products)
    return Goods(
        texts=products.passages,
        content=content_of(products.passages),
        images=np.zeros((count, 0), dtype=np.float32),
        category=_codes(products.categories),
        brand=_codes([brand.casefold() for brand in products.brands]),
        price=np.full(count, np.nan, dtype=np.float32),
    )


def _codes(names: list[str]) -> NDArray[np.int32]:
    """A number for each name, -1 for an empty one."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(name, len(known)) if name else -1 for name in names], dtype=np.int32)


def content_of(passages: list[str]) -> NDArray[np.float32]:
    """The vectors of the passages, (n, t), kept between runs."""
    key = hashlib.blake2b("\0".join(passages).encode(), digest_size=12).hexdigest()
    kept = Path(tempfile.gettempdir()) / f"vitrina-benchmark-{_ENCODER}-{key}.npy"
    if kept.exists():
        return np.load(kept)
    vectors = load(_ENCODER, load_settings()).encode_texts(passages)
    unfinished = kept.with_suffix(".new.npy")
    np.save(unfinished, vectors)
    unfinished.rename(kept)
    return vectors
