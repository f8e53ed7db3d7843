"""What training knows of a shop's products besides what shoppers did with them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Goods:
    """n products by row.

    `texts`: what words are compared by; `content` (n, t) float32: their content vectors, unit norm or zero, t may be 0;
    `images` (n, v): those of their pictures alone, unit norm or zero, v may be 0; `category` and `brand` (n,) int32, -1
    for none; `price` (n,) float32, NaN for unknown.
    """

    texts: list[str]
    content: NDArray[np.float32]
    images: NDArray[np.float32]
    category: NDArray[np.int32]
    brand: NDArray[np.int32]
    price: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: NDArray[np.intp]) -> "Goods":
        """The products of these rows, in this order."""
        return Goods(
            [self.texts[row] for row in rows.tolist()],
            self.content[rows],
            self.images[rows],
            self.category[rows],
            self.brand[rows],
            self.price[rows],
        )
