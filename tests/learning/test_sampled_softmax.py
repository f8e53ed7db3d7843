"""The loss of the towers is what torch's own steps give, value and gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from server.learning.sampled_softmax import sampled_softmax

pytestmark = pytest.mark.slow


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 999),
    queries=st.sampled_from([1, 2, 127, 128, 129, 300]),
    candidates=st.integers(1, 60),
    pairs=st.integers(1, 400),
    scale=st.sampled_from([1.0, 14.0, 100.0]),
)
def test_value_and_gradients_are_those_of_torch(
    seed: int, queries: int, candidates: int, pairs: int, scale: float
) -> None:
    draw = torch.Generator().manual_seed(seed)
    shoppers, items = (
        torch.nn.functional.normalize(torch.randn(count, 8, generator=draw), dim=1).requires_grad_()
        for count in (queries, candidates)
    )
    log_chances = -8 * torch.rand(candidates, generator=draw)
    asking = torch.randint(0, queries, (pairs,), generator=draw)
    wanted = torch.randint(0, candidates, (pairs,), generator=draw)
    weights = 0.1 + torch.rand(pairs, generator=draw)

    def plainly() -> torch.Tensor:
        logits = (shoppers * scale) @ items.T - log_chances
        return (weights * (logits.logsumexp(1)[asking] - logits[asking, wanted])).sum() / weights.sum()

    expected = plainly()
    gradients = torch.autograd.grad(expected, (shoppers, items))
    found = sampled_softmax(shoppers * scale, items, log_chances, asking, wanted, weights)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-4)
    for own, other in zip(torch.autograd.grad(found, (shoppers, items)), gradients, strict=True):
        assert torch.allclose(own, other, rtol=1e-3, atol=1e-4)
