"""The training of one shop, stage by stage: the linear model, the two towers, the reranker over both.

Every stage is taught on the past, tuned on validation cases, and kept only where it finds more of them than the
smaller stack before it does. The same code trains shops and runs the benchmarks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from server.events.histories import Histories
from server.learning import (
    choices,
    covisitation,
    kernel,
    large,
    linear,
    pictures,
    reranker,
    trends,
    tuning,
    two_tower,
)
from server.learning.cases import Cases
from server.learning.goods import Goods
from server.learning.linear import Solution
from server.learning.reranker import Reranker
from server.learning.tower_thread import TowerThread
from server.learning.tree_export import forest_of
from server.learning.two_tower import TwoTower
from server.serving.candidates import NEAR_WORDS
from server.serving.features import FEATURES
from server.serving.learned import Asking, Learned
from server.serving.nearest import Nearest
from server.serving.pairs import Pairs
from server.serving.tower import ShopperTower
from server.serving.trees import Trees

LINEAR, TWO_TOWER, TWO_STAGE = "linear", "two-tower", "two-stage"  # the stacks, by their largest stage
AGAIN_SHARE = 0.1  # of what came next had been chosen before: a shop of consumables
TOWER_EVENTS = 3_000  # below, the towers never won on any shop of the study
_MOST_TAUGHT = 25_000  # cases that teach the reranker

Progress = Callable[[str, int, int], None]
SETTINGS_STAGE, LINEAR_STAGE, TOWERS_STAGE = "Choosing settings", "Linear model", "Two towers"
CANDIDATES_STAGE, RERANKER_STAGE = "Looking up candidates", "Reranker"
STAGES = {SETTINGS_STAGE: 3.0, LINEAR_STAGE: 2.0, TOWERS_STAGE: 8.0, CANDIDATES_STAGE: 3.0, RERANKER_STAGE: 4.0}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a training may do. `threads`: of every numerical library; `towers`: None decides by the number of events."""

    seed: int = 0
    threads: int = 1
    tuned: bool = True
    towers: bool | None = None
    reranked: bool = True


@dataclass(frozen=True, slots=True)
class Trained:
    """The parts of a trained model, before they are put into a snapshot."""

    asking: Asking
    settings: linear.Settings
    solution: Solution
    towers: TwoTower | None
    rerankers: dict[bool, Reranker]  # by whether known products may come
    worth: dict[str, NDArray[np.float64]]  # NDCG@10 of each validation case, by model

    @property
    def stack(self) -> str:
        """The largest stage that it has."""
        return TWO_STAGE if self.rerankers else LINEAR


def fit(
    train: Histories,
    validation: Cases,
    whole: Histories,
    goods: Goods,
    options: Options,
    progress: Progress = lambda *_: None,
) -> tuple[Trained, Learned]:
    """Train on `train` against `validation`, then teach the first stage afresh with `whole`.

    Gives the trained parts, and the same put together for serving.
    """
    terms = kernel.term_weights(goods.texts)
    again = shows_again(validation)
    towers_wanted = len(train) >= TOWER_EVENTS if options.towers is None else options.towers
    with _towers(goods, options, progress) as towers:
        taught = towers.begin(train, validation) if towers_wanted else None
        settings = _settings(train, terms, goods.images, validation, again, options, progress)
        first = _first_stage(train, goods, terms, settings, again, taught, options, progress)
        learned = put_together(first, train, goods, terms)
        taught_again = towers.begin(whole, None) if towers_wanted and whole is not train else None
        rerankers, worth = _rerankers(learned, validation, again, options, progress)
        if not rerankers:
            taught_again, first = None, replace(first, towers=None)  # nothing asks for them
        if whole is not train:
            first = _first_stage(whole, goods, terms, settings, again, taught_again, options, progress)
    trained = Trained(first.asking, settings, first.solution, first.towers, rerankers, worth)
    return trained, put_together(trained, whole, goods, terms)


def refit(trained: Trained, histories: Histories, goods: Goods, options: Options, progress: Progress) -> Trained:
    """The same model with its first stage taught afresh by `histories`; the rerankers stay as they are."""
    terms, again, settings = kernel.term_weights(goods.texts), trained.asking.again, trained.settings
    with _towers(goods, options, progress) as towers:
        taught = towers.begin(histories, None) if trained.towers is not None else None
        first = _first_stage(histories, goods, terms, settings, again, taught, options, progress)
    return replace(trained, solution=first.solution, towers=first.towers)


def _towers(goods: Goods, options: Options, progress: Progress) -> TowerThread:
    settings = two_tower.Settings(seed=options.seed)  # their steps are too small to be worth a second thread
    return TowerThread(goods.content, settings, partial(progress, TOWERS_STAGE), beside=options.threads > 1)


def solution_of(histories: Histories, goods: Goods, settings: linear.Settings, *, again: bool) -> Solution:
    """The linear model alone."""
    return large.solve(histories, kernel.term_weights(goods.texts), settings, images=goods.images, again=again)


def _is_better(larger: NDArray[np.float64], smaller: NDArray[np.float64]) -> bool:
    """Whether a larger stack finds more than a smaller one, by more than the standard error of the difference."""
    difference = larger - smaller
    return len(difference) > 1 and difference.mean() > difference.std() / len(difference) ** 0.5


def shows_again(validation: Cases) -> bool:
    """Whether shoppers of this shop choose again what they had before."""
    total = sum(len(targets) for targets in validation.targets)
    repeated = sum(int(np.isin(t, k).sum()) for t, k in zip(validation.targets, validation.known, strict=True))
    return total > 0 and repeated / total >= AGAIN_SHARE


def _settings(
    train: Histories,
    terms: sparse.csr_array,
    images: NDArray[np.float32],
    validation: Cases,
    again: bool,
    options: Options,
    progress: Progress,
) -> linear.Settings:
    baskets = choices.is_basket_shop(train)
    start = linear.Settings(behaviour=0.5, text=3.0, ridge=30.0, fading=2.0) if baskets else linear.Settings()
    if pictures.are_enough(images):
        start = msgspec.structs.replace(start, image=pictures.WEIGHT)
    if not options.tuned:
        return start
    cases = validation.new_only() if again else validation
    progress(SETTINGS_STAGE, 0, 0)
    told = partial(progress, SETTINGS_STAGE)
    with threadpool_limits(1):  # such small matrices gain little by a second thread, and lose much where a core is busy
        return tuning.tune(train, terms, cases, start, images=images, progress=told).settings


def _first_stage(
    histories: Histories,
    goods: Goods,
    terms: sparse.csr_array,
    settings: linear.Settings,
    again: bool,
    towers: Callable[[], TwoTower] | None,
    options: Options,
    progress: Progress,
) -> Trained:
    """The linear model and, where they are taught, the `towers` that it waits for."""
    progress(LINEAR_STAGE, 0, 0)
    told = partial(progress, LINEAR_STAGE)
    with threadpool_limits(_threads_left(options, towers is not None)):
        solution = large.solve(histories, terms, settings, images=goods.images, again=again, progress=told)
    if towers is not None:
        progress(TOWERS_STAGE, 0, 0)
    asking = Asking(fading=settings.fading, again=again)
    return Trained(asking, settings, solution, towers() if towers is not None else None, {}, {})


def _threads_left(options: Options, towers: bool) -> int:
    """What is left to other stages beside the `towers`."""
    return max(options.threads - 1, 1) if towers else options.threads


def _rerankers(
    learned: Learned, validation: Cases, again: bool, options: Options, progress: Progress
) -> tuple[dict[bool, Reranker], dict[str, NDArray[np.float64]]]:
    """The rerankers that are better than the linear model, by whether known products may come; and what the last one
    and its rivals are worth.
    """
    rerankers: dict[bool, Reranker] = {}
    worth: dict[str, NDArray[np.float64]] = {}
    for known_may_come in (False, True) if again else (False,):
        found, worth = _rerank(learned, validation, known_may_come, options, progress)
        if found is not None and _is_better(worth[TWO_STAGE], worth[LINEAR]):
            rerankers[known_may_come] = found
    return rerankers, worth


def _rerank(
    learned: Learned, validation: Cases, again: bool, options: Options, progress: Progress
) -> tuple[Reranker | None, dict[str, NDArray[np.float64]]]:
    """The reranker of one mode, None where it has too few cases; and what each model is worth, case by case.

    The trees are judged on cases that they have not met, and every model by its order of the same candidates.
    """
    cases = validation if again else validation.new_only()
    if len(cases) > _MOST_TAUGHT:
        cases = cases.take(np.sort(np.random.default_rng(options.seed).permutation(len(cases))[:_MOST_TAUGHT]))
    taught = reranker.look_up(
        learned, cases, again=again, progress=lambda done, total: progress(CANDIDATES_STAGE, done, total)
    )
    columns = {LINEAR: "again" if again else "linear_z", TWO_TOWER: "tower"}
    worth = {name: taught.ndcg(taught.features[:, FEATURES.index(column)], cases) for name, column in columns.items()}
    if not options.reranked or taught.hits.sum() < reranker.FEWEST_GROUPS:
        return None, worth
    progress(RERANKER_STAGE, 0, 0)
    threads = _threads_left(options, learned.tower is not None)
    found, scores = reranker.teach(taught, cases.shoppers, columns[LINEAR], options.seed, threads)
    if not again:  # what a shopper takes once more is no matter of showing more
        found, scores = reranker.widen(found, taught, cases, scores)
    return found, worth | {TWO_STAGE: taught.ndcg(scores, cases)}


def put_together(
    trained: Trained, histories: Histories, goods: Goods, terms: sparse.csr_array | None = None
) -> Learned:
    """The model as serving asks it, in memory. `terms`: those of the products' texts, where they are at hand."""
    count = len(goods)
    terms = kernel.term_weights(goods.texts) if terms is None else terms
    lately = trends.trends(histories, count)
    return Learned(
        asking=trained.asking,
        linear=Pairs.of_lists(trained.solution.discover),
        again=Pairs.of_lists(trained.solution.again) if trained.solution.again is not None else None,
        words=Pairs.of_lists(kernel.neighbours(terms, NEAR_WORDS)),
        bought=Pairs.of_lists(covisitation.bought(histories, count)),
        trends=lately.trends,
        age_days=lately.age_days,
        category=goods.category,
        brand=goods.brand,
        price=goods.price,
        hot=lately.hot,
        of_category=_by_category(goods.category, lately.trends[0]),
        items=trained.towers.items if trained.towers is not None else np.zeros((count, 0), dtype=np.float32),
        tower=ShopperTower(trained.towers.weights) if trained.towers is not None else None,
        near=Nearest.exact(trained.towers.items) if trained.towers is not None else None,
        rankers={again: trees_of(found) for again, found in trained.rerankers.items()},
    )


def trees_of(found: Reranker) -> Trees:
    """The averaged boosters as serving scores them."""
    return Trees.of([forest_of(booster) for booster in found.boosters], len(FEATURES), found.slopes)


def _by_category(
    category: NDArray[np.int32], popularity: NDArray[np.float32]
) -> tuple[Sequence[int], NDArray[np.int32]]:
    """Starts, and the rows of each category, most popular first."""
    order = np.lexsort((-popularity, category)).astype(np.int32)
    order = order[category[order] >= 0]
    count = int(category.max(initial=-1)) + 1
    return np.searchsorted(category[order], np.arange(count + 1)).tolist(), order
