"""A shop's past, cut in what models may learn from and what they are judged by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.shop import Products
from server.events.histories import Histories
from server.learning.cases import Cases


class ProtocolError(ValueError):
    """A data set does not allow this protocol; the message says why."""


@dataclass(frozen=True, slots=True)
class Test:
    """Cases to be judged by, under one name. `mask_known`: whether what a shopper knew is left out; `among` (n,) bool:
    the only products that are ranked, None for all.
    """

    name: str
    cases: Cases
    mask_known: bool = True
    among: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A shop's past cut for learning and judging.

    `train`: what models are taught and tuned with, `validation` what they are tuned by; `whole`: what they are then
    taught afresh with before the test, which is `train` again where the literature does not do that.
    """

    name: str
    products: Products
    train: Histories
    validation: Cases
    whole: Histories
    tests: list[Test]


def enough(cases: Cases, name: str) -> Cases:
    """The test cases of a shop of this name; ProtocolError if there are none."""
    if not len(cases):
        raise ProtocolError(f"{name} is too small for this protocol: nothing is left to test with")
    return cases
