"""Searching the vectors of a snapshot: the FAISS index that was chosen by size when the snapshot was built."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


class Index(msgspec.Struct, frozen=True):
    """How the vectors are searched. `recall` was measured at 50 neighbours against the exact answer."""

    kind: str  # "flat", "ivf", "hnsw", or "codes", which cannot leave rows out
    effort: int = 0  # nprobe of ivf, efSearch of hnsw; of codes, how many times as many as wanted are compared exactly
    recall: float = 1.0


class Nearest:
    """One index."""

    def __init__(self, library: Any, index: Any, kind: str, effort: int) -> None:
        self._faiss, self._index = library, index
        self._kind, self._effort = kind, effort
        self._of_all, _ = self._parameters(None)

    @classmethod
    def open(cls, path: Path, index: Index) -> "Nearest":
        """The index of this file, mapped into memory where its kind allows."""
        library = _library()
        # IFC maps flat codes and graphs, MMAP the lists of IVF; each ignores the other's
        flag = library.IO_FLAG_MMAP if index.kind == "ivf" else library.IO_FLAG_MMAP_IFC
        return cls(library, library.read_index(str(path), flag), index.kind, index.effort)

    @classmethod
    def exact(cls, vectors: NDArray[np.float32]) -> "Nearest":
        """An exact index in memory, of vectors (n, d)."""
        library = _library()
        index = library.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors))
        return cls(library, index, "flat", 0)

    def search(
        self, query: NDArray[np.float32], most: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows (k,) int64 and inner products (k,) float32 of at most `most` products, best first.

        `query` is (d,); `allowed` (n,) leaves out every other row. Raises `ValueError` where the index cannot do that.
        """
        parameters, held = (self._of_all, None) if allowed is None else self._parameters(allowed)
        scores, rows = self._index.search(query.reshape(1, -1), most, params=parameters)
        del held  # kept alive until here: the index holds only a pointer to it
        found = rows[0] >= 0
        return rows[0][found], scores[0][found]

    def search_many(self, queries: NDArray[np.float32], most: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The same for queries (q, d): rows and scores (q, most), -1 where fewer were found."""
        scores, rows = self._index.search(np.ascontiguousarray(queries), most, params=self._of_all)
        return rows, scores

    def _parameters(self, allowed: NDArray[np.bool_] | None) -> tuple[Any, Any]:
        faiss, options, bits, selector = self._faiss, {}, None, None
        if allowed is not None:
            if self._kind == "codes":
                raise ValueError("An index of codes cannot leave products out.")
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
            options["sel"] = selector
        return parameters(faiss, self._kind, self._effort, **options), (bits, selector)


def parameters(library: Any, kind: str, effort: int, **options: Any) -> Any:
    """What FAISS is told with each search."""
    if kind == "ivf":
        return library.SearchParametersIVF(nprobe=effort, **options)
    if kind == "hnsw":
        return library.SearchParametersHNSW(efSearch=effort, **options)
    if kind == "codes":
        return library.IndexRefineSearchParameters(k_factor=effort, **options)
    return library.SearchParameters(**options)


def _library() -> Any:
    import faiss  # not at the top: a process that never searches vectors need not load the library

    faiss.omp_set_num_threads(1)  # one query gains nothing from threads, and their waiting costs the others
    return faiss
