"""From the vector of a search query to the space in which a shop's products are compared.

Products are compared by fused vectors, which no encoder gives. What a text alone lets expect of them is learned from
the products themselves: a ridge regression from their text vectors to their fused ones, a tenth of a second's work.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from server.serving import arrays

_FITTED_ON = 20_000  # products; more do not change the directions
_DOUBT = 20.0  # the mean of a shop with as many products is believed by half
# of the mean variance. On Luma, of the first five products for 15 queries that share no word with them, 0.67 are of the
# kind meant; with 0.1 or 30 times the variance 0.60, by the text vectors alone 0.59
_RIDGE = 2.0


def write(folder: Path, text: NDArray[np.float32], has_text: NDArray[np.bool_], fused: NDArray[np.float32]) -> bool:
    """Write the way from text vectors (n, t) to fused ones (n, d) into a snapshot's folder; whether there is one."""
    rows = np.flatnonzero(has_text)
    if not len(rows) or not fused.shape[1]:
        return False
    rows = rows[:: -(-len(rows) // _FITTED_ON)]
    known, wanted = text[rows].astype(np.float32), fused[rows]  # (s, t), (s, d)
    centre = known.mean(axis=0) * (len(known) / (len(known) + _DOUBT))
    known = known - centre
    gram = known.T @ known  # (t, t)
    gram[np.diag_indices_from(gram)] += _RIDGE * max(float(np.trace(gram)) / len(gram), 1e-6)
    arrays.write(folder, "asking_centre", centre)
    arrays.write(folder, "asking", np.linalg.solve(gram, known.T @ wanted).astype(np.float32))
    return True
