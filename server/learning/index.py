"""Chooses and builds the FAISS index of a snapshot: exact for small shops, IVF for large ones, HNSW where asked; codes
where nothing is ever left out.

An approximate index is tuned until its recall, measured on the shop's own vectors, is good; where that cannot be
had, search stays exact. The thresholds were measured, see `RECALL`.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from server.serving.nearest import Index, Nearest, parameters
from server.serving.snapshot import INDEX

FLAT_UP_TO = 50_000  # an exact search of 50,000 products takes half a millisecond at 64 dimensions
RECALL = 0.98
CODED_FROM = 2_000  # below, an exact search takes no longer
_COMPRESS_ABOVE_BYTES = 1_000_000_000  # 8 bits per dimension cost a hundredth of recall and save three quarters
_TRAINED_PER_LIST = 40  # FAISS wants at least 39 vectors per list
_NEIGHBOURS = 50
_QUERIES = 200
_LINKS = 32
_EFFORTS = {"hnsw": (32, 64, 128, 256, 512), "codes": (2, 4, 8)}
_TAUGHT_CODES = 20_000  # vectors
_SEED = 7
_ROUNDING = 1e-5  # of a score


def build(
    folder: Path, vectors: NDArray[np.float32], wish: str = "auto", name: str = INDEX, *, filtered: bool = True
) -> Index | None:
    """Write the index of `vectors` (n, d) into the folder; None when there is nothing to search.

    `wish`: "auto", "flat", "ivf", or "hnsw" for catalogs that change rarely: it takes minutes to build and is fast.
    `filtered`: whether searches will name the products that may come. Where they never do, codes of 4 bits (Andre,
    Kermarrec and Le Scouarnec 2015) find what is near, and the vectors themselves say what is nearest: half the time
    of an exact search, and an eighth of the memory is read.
    """
    count, dimensions = vectors.shape
    if not count or not dimensions:
        return None
    for kind in _kinds(count, filtered) if wish == "auto" else [wish]:
        if kind != "flat" and (tuned := _approximate(kind, vectors)) is not None:
            index, facts = tuned
            faiss.write_index(index, str(folder / name))
            return facts
    index = faiss.IndexFlatIP(dimensions)
    _add(index, vectors)
    faiss.write_index(index, str(folder / name))
    return Index("flat")


def _kinds(count: int, filtered: bool) -> list[str]:
    """What to try before an exact index, best first."""
    lists = ["ivf"] if count > FLAT_UP_TO else []
    return lists if filtered or count < CODED_FROM else [*lists, "codes"]


def searcher(vectors: NDArray[np.float32]) -> Nearest:
    """An index in memory, of the kind that a snapshot of these vectors (n, d) has."""
    with TemporaryDirectory(prefix="vitrina-index-") as folder:
        facts = build(Path(folder), vectors)
        return Nearest.open(Path(folder) / INDEX, facts) if facts else Nearest.exact(vectors)


def _approximate(kind: str, vectors: NDArray[np.float32]) -> tuple[Any, Index] | None:
    index = _BUILDERS[kind](vectors)
    efforts = _powers_of_two(index.nlist // 4) if kind == "ivf" else _EFFORTS[kind]
    queries, last = _exact_answers(vectors)
    most = min(_NEIGHBOURS, len(vectors))
    for effort in efforts:
        scores, _ = index.search(queries, most, params=parameters(faiss, kind, effort))
        recall = float((scores >= last - _ROUNDING).mean())
        if recall >= RECALL:
            return index, Index(kind, effort, round(recall, 4))
    return None


def _ivf(vectors: NDArray[np.float32]) -> Any:
    count, dimensions = vectors.shape
    lists = max(1, min(int(4 * count**0.5), count // _TRAINED_PER_LIST))
    coarse = faiss.IndexFlatIP(dimensions)
    if vectors.nbytes > _COMPRESS_ABOVE_BYTES:
        index = faiss.IndexIVFScalarQuantizer(
            coarse, dimensions, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
    else:
        index = faiss.IndexIVFFlat(coarse, dimensions, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = _SEED
    sample = np.random.default_rng(_SEED).choice(count, min(count, lists * _TRAINED_PER_LIST), replace=False)
    index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    _add(index, vectors)
    return index


def _hnsw(vectors: NDArray[np.float32]) -> Any:
    index = faiss.IndexHNSWFlat(vectors.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
    _add(index, vectors)
    return index


def _codes(vectors: NDArray[np.float32]) -> Any:
    dimensions = vectors.shape[1]
    index = faiss.index_factory(dimensions, f"PQ{dimensions}x4fs,RFlat", faiss.METRIC_INNER_PRODUCT)
    index.train(np.ascontiguousarray(vectors[:: -(-len(vectors) // _TAUGHT_CODES)]))
    _add(index, vectors)
    return index


_BUILDERS = {"ivf": _ivf, "hnsw": _hnsw, "codes": _codes}


def _add(index: Any, vectors: NDArray[np.float32], at_once: int = 50_000) -> None:
    for start in range(0, len(vectors), at_once):
        index.add(np.ascontiguousarray(vectors[start : start + at_once]))


def _exact_answers(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Queries (q, d) drawn from the vectors, and the score (q, 1) of the last of the best that an exact search finds:
    of vectors that are the same it does not matter which is found.
    """
    chosen = np.random.default_rng(_SEED + 1).choice(len(vectors), min(_QUERIES, len(vectors)), replace=False)
    queries = np.ascontiguousarray(vectors[np.sort(chosen)])
    most = min(_NEIGHBOURS, len(vectors))
    return queries, np.array([[-np.partition(-(vectors @ query), most - 1)[most - 1]] for query in queries])


def _powers_of_two(most: int) -> list[int]:
    return [1 << exponent for exponent in range(max(most, 1).bit_length())]
