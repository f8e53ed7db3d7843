"""What serving needs of one model version: a folder of plain files, mapped into memory, never changed once written.

`learning` writes it (arrays by the writers beside this file, then `seal`), `open_folder` reads it. A row is a product.
An unknown format or a damaged file raises `BadSnapshot`; the shelf then takes the version before.
"""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from server.serving import arrays, categories
from server.serving.keys import KeyTable
from server.serving.learned import Learned
from server.serving.native import ffi, pointer
from server.serving.nearest import Index, Nearest
from server.serving.pairs import Pairs
from server.serving.texts import Texts

FORMAT = 3
_KNOWN = (2, FORMAT)  # 2 had no codes of vectors
MOST_POPULAR = 64
MANIFEST = "manifest.json"
INDEX = "index.faiss"
PAIRS = ("similar", "bought", "viewed", "alternatives", "complements")


class BadSnapshot(Exception):  # noqa: N818 - it is the snapshot that is bad
    """The folder is missing, damaged, or of a format that this code does not know; the message says which."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the folder holds. `built_ms`: when reading the items began; `files`: checksum of each file."""

    format: int = FORMAT
    shop_id: str
    number: int
    products: int
    items: int
    last_item_id: int
    built_ms: int
    events: int = 0
    newest_event_ms: int = 0
    dimensions: int = 0
    index: Index | None = None
    text_encoder: str = ""  # by whose vectors it can be searched, empty for none
    files: dict[str, str] = {}


class Snapshot:
    """One opened folder. All arrays are read-only and (n,) by row unless said otherwise."""

    def __init__(self, folder: Path, manifest: Manifest, size_bytes: int) -> None:
        self.folder = folder
        self.manifest = manifest
        self.size_bytes = size_bytes
        self.model_version = f"m_{manifest.number}"
        self.count = manifest.products
        self.ids = KeyTable(folder, "ids")  # item ids and group ids -> row
        self.groups = Texts(folder, "groups")
        self.cards = Texts(folder, "cards")
        self.names = Texts(folder, "names")
        self.members: NDArray[np.int32] = arrays.read(folder, "members")  # items of the product
        self.available: NDArray[np.bool_] = arrays.read(folder, "available")
        self.price: NDArray[np.float32] = arrays.read(folder, "price")
        self.brand: NDArray[np.int32] = arrays.read(folder, "brand")  # -1: none
        self.category: NDArray[np.int32] = arrays.read(folder, "category")  # the first, most exact one; -1: none
        self.popularity: NDArray[np.float32] = arrays.read(folder, "popularity")  # 0..1
        self.popular: NDArray[np.int32] = arrays.read(folder, "popular")  # rows, most popular first, then newest
        first = self.popular[:MOST_POPULAR]
        first = first[self.popularity[first] > 0]
        self.most_popular = (first, self.popularity[first])  # (k,) rows and their popularity
        self.category_keys = KeyTable(folder, "category_keys")
        self.category_names = Texts(folder, "category_names")
        self._category_starts = arrays.quick(arrays.read(folder, "category_rows.starts"))
        self._category_rows: NDArray[np.int32] = arrays.read(folder, "category_rows")
        self.similar, self.bought, self.viewed, self.alternatives, self.complements = (
            Pairs.read(folder, name) for name in PAIRS
        )
        self.vectors: NDArray[np.float32] = arrays.read(folder, "vectors")  # (n, d), unit norm or zero; d may be 0
        width = self.vectors.shape[1]
        labels = pointer(self.brand), pointer(self.category)
        self.likeness = ffi.new("Likeness *", (pointer(self.vectors), *labels, width))  # for `native`
        self._nearest: Nearest | None = None
        self.learned = Learned.read(
            folder,
            bought=self.bought,
            category=self.category,
            brand=self.brand,
            price=self.price,
            of_category=(self._category_starts, self._category_rows),
        )

    def rows_of_category(self, category: int) -> NDArray[np.int32]:
        """The products of a category and of those below it, most popular first."""
        return self._category_rows[self._category_starts[category] : self._category_starts[category + 1]]

    def category_of(self, path: str) -> int:
        """The number of the category with this path, however it is spaced and capitalised; -1 when unknown."""
        return self.category_keys.find(categories.key_of(path))

    def of_text(self, vector: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """What the vector (t,) of a text by `manifest.text_encoder` lets expect here: (d,), unit norm or zero."""
        if not self.manifest.text_encoder:
            return None
        centre, way = arrays.read(self.folder, "asking_centre"), arrays.read(self.folder, "asking")
        if vector.shape != centre.shape:
            return None
        expected = (vector - centre) @ way
        return expected / max(float(np.linalg.norm(expected)), 1e-9)

    def nearest(
        self, query: NDArray[np.float32], most: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and scores of the products nearest to `query` (d,), best first, only `allowed` (n,) ones."""
        index = self.manifest.index
        if index is None:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        if self._nearest is None:
            # opened when first asked: most answers come from the neighbours that were worked out beforehand
            self._nearest = Nearest.open(self.folder / INDEX, index)
        return self._nearest.search(query, most, allowed)


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest with the checksum of every file in the folder: the last step of writing a snapshot."""
    files = {path.name: _checksum(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    sealed = msgspec.structs.replace(manifest, files=files)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(sealed), indent=1))
    return sealed


def open_folder(folder: Path, shop_id: str) -> Snapshot:
    """Check and map a snapshot.

    Raises:
        BadSnapshot: it is missing, another shop's, damaged, or of an unknown format.

    """
    manifest = _manifest(folder)
    if manifest.shop_id != shop_id:
        raise BadSnapshot(f"{folder.name} belongs to {manifest.shop_id}")
    size_bytes = 0
    for name, checksum in manifest.files.items():
        path = folder / name
        try:
            size_bytes += path.stat().st_size
            if _checksum(path) != checksum:
                raise BadSnapshot(f"{name} is damaged")
        except OSError as error:
            raise BadSnapshot(f"{name} cannot be read: {error.strerror}") from error
    try:
        return Snapshot(folder, manifest, size_bytes)
    except (OSError, ValueError) as error:
        raise BadSnapshot(f"{folder.name} is not complete: {error}") from error


def is_readable(folder: Path) -> bool:
    """Whether this version of the code knows the format; the files themselves are not looked at."""
    try:
        _manifest(folder)
    except BadSnapshot:
        return False
    return True


def _manifest(folder: Path) -> Manifest:
    try:
        raw = (folder / MANIFEST).read_bytes()
        found = msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).get("format")
        if found is None or bytes(found) not in (str(known).encode() for known in _KNOWN):
            raise BadSnapshot(f"format {bytes(found or b'?').decode()} is not one that this version reads: {_KNOWN}")
        return msgspec.json.decode(raw, type=Manifest)
    except OSError as error:
        raise BadSnapshot(f"{folder} cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise BadSnapshot(f"the manifest is damaged: {error}") from error


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
