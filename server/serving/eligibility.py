"""Which products may be shown: in stock, still in the catalog, and within the filters of the request."""

from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.serving.live import Live
from server.serving.native import NULL, ffi, pointer
from server.serving.question import Question

Rows = NDArray[np.integer[Any]]
_ALLOWED = ffi.typeof("Allowed *")


class Eligibility:
    """The filters of one request. They hold on every way a product can get into a list."""

    def __init__(self, live: Live, question: Question, category: int) -> None:
        self._in_shop = live.available if question.in_stock else live.listed  # (n,) bool
        self._in_category = live.in_category(category) if category >= 0 else None  # (n,) bool
        self._price = live.price  # (n,) float32, NaN (unknown) is outside every range
        self._price_min, self._price_max = question.price_min, question.price_max

    def of(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of `rows` (k,) may be shown, (k,) bool."""
        allowed = self._in_shop[rows]
        if self._in_category is not None:
            allowed &= self._in_category[rows]
        if self._price_min is not None:
            allowed &= self._price[rows] >= self._price_min
        if self._price_max is not None:
            allowed &= self._price[rows] <= self._price_max
        return allowed

    def native(self) -> Any:
        """The `Allowed` of `native/interface.h`, good as long as this object."""
        in_category = NULL if self._in_category is None else pointer(self._in_category)
        price_min, price_max = (nan if border is None else border for border in (self._price_min, self._price_max))
        return ffi.new(_ALLOWED, (pointer(self._in_shop), in_category, pointer(self._price), price_min, price_max))

    def everywhere(self) -> NDArray[np.bool_]:
        """The same for all products, (n,) bool."""
        return self.of(np.arange(len(self._in_shop)))
