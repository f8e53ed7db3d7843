"""The way of one request, top to bottom: what to go by, candidates, ranking, fallbacks, reasons.

No database on this way, and one round trip to Redis when the request names a shopper or a session.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Sequence

from server.events.histories import NO_PAST, Past
from server.events.recents import Recents
from server.serving import answers, placements, ranking, reasons
from server.serving.answers import Answer
from server.serving.eligibility import Eligibility
from server.serving.evidence import LINKED, of_pair
from server.serving.fallbacks import Filling
from server.serving.interest import LATELY_MS, MOST_SEEDS, NOTHING, Done, Interest, interest_of
from server.serving.live import Live
from server.serving.placements import Placement
from server.serving.question import Question
from server.serving.ranking import Chosen
from server.serving.shelf import Shelf
from server.serving.sources import SOURCES, popular, similar
from server.serving.sources.asked import Asked, Candidates, Found

_JUST_BOUGHT_MS = 24 * 3600 * 1000  # what is bought again and again is left out no longer than this
_DEEPER_WEIGHT = 0.3  # of likeness by content, where the placement does not go by it
_Who = tuple[str | None, str | None, str | None, tuple[str, ...]]


async def recommend(shop_id: str, question: Question, shelf: Shelf, recents: Recents) -> Answer:
    """One list."""
    live = await shelf.get(shop_id)
    if not question.is_personal:
        return _anonymous(live, question) if live else await _newest(shop_id, question, shelf, NOTHING)
    done = await _done(shop_id, question, recents)
    return _Way(live, question, done).answer() if live else await _newest(shop_id, question, shelf, done)


async def recommend_page(
    shop_id: str, questions: Sequence[Question], shelf: Shelf, recents: Recents, *, repeat: bool = False
) -> list[Answer]:
    """All lists of a page, in order; unless `repeat`, no product is in two of them."""
    live = await shelf.get(shop_id)
    did: dict[_Who, Done] = {(None, None, None, ()): NOTHING}
    shown: list[int | str] = []
    page: list[Answer] = []
    for question in questions:
        who = (question.shopper_id, question.session_id, question.anonymous_id, question.recent_item_ids)
        if who not in did:
            did[who] = await _done(shop_id, question, recents)
        if live is None:
            answer = await _newest(shop_id, question, shelf, did[who], shown)
        elif shown or question.is_personal:
            answer = _Way(live, question, did[who], shown).answer()
        else:
            answer = _anonymous(live, question)
        page.append(answer)
        if not repeat:
            shown += answer.shown
    return page


async def _done(shop_id: str, question: Question, recents: Recents) -> Done:
    """What this shopper did last: what the page tells of its tab, then what is kept."""
    logs = await recents.logs_of(shop_id, question.shopper_id, question.session_id, question.anonymous_id)
    return Done(logs, question.recent_item_ids)


def _anonymous(live: Live, question: Question) -> Answer:
    """The same page asked for again is answered with the same bytes, as long as nothing changed."""
    known = live.remembered_answer(question)
    if known is None:
        known = _Way(live, question, NOTHING).answer()
        live.remember_answer(question, known)
    return known


async def _newest(
    shop_id: str, question: Question, shelf: Shelf, done: Done, shown: Collection[int | str] = ()
) -> Answer:
    """The list of a shop that has no snapshot yet."""
    numbers: defaultdict[str, int] = defaultdict(lambda: len(numbers))
    never = interest_of(done, numbers.__getitem__, _now_ms()).never
    ids = list(numbers)
    found = await shelf.newest.find(shop_id, question, {*(ids[row] for row in never), *map(str, shown)})
    reason = reasons.fragment("newest", language=question.language)
    items = [answers.item(product.card, 0.0, reason) for product in found]
    rest = answers.finish(question.placement, "newest", None, items)
    return Answer(rest, tuple(product.group_id for product in found))


class _Way:
    """One request on its way. Everything it needs is worked out once, in the order of `answer`."""

    def __init__(self, live: Live, question: Question, done: Done, shown: Collection[int | str] = ()) -> None:
        self.live, self.question = live, question
        self.placement: Placement = placements.of(question.placement)
        learned = live.snapshot.learned
        self.sources = self.placement.sources if learned is None else self.placement.learned
        again = learned is not None and learned.asking.again and self.placement.again
        lately_ms = _JUST_BOUGHT_MS if again else LATELY_MS
        interest = interest_of(done, live.row_of, _now_ms(), keys=live.keys, lately_ms=lately_ms)
        self.category = live.snapshot.category_of(question.category) if question.category else -1
        given = list(dict.fromkeys(live.rows_of(question.item_ids))) if question.item_ids else []
        # the product looked at, what is in the cart, what was just ordered
        self.never = given + [row for row in shown if isinstance(row, int)]
        self.never += interest.never
        if question.exclude:
            self.never += live.rows_of(question.exclude)
        # what the shopper knows is shown only where nothing else is left, unless the placement brings it back
        self.last: list[int] = [] if again or "recent" in self.sources else interest.known
        past = interest.past() if learned is not None and "ranked" in self.sources else NO_PAST
        self.asked, self.because = self._seeds(given, interest, past, again)
        self.eligibility = Eligibility(live, question, self.category)

    def answer(self) -> Answer:
        """The finished list."""
        chosen = self._from_sources()
        if len(chosen) < self.question.limit:
            chosen += self._from_fallbacks(chosen)
        strategy = reasons.strategy([code if seed < self.asked.given else "personal" for _, _, code, seed in chosen])
        model_version = self.live.snapshot.model_version
        rest = answers.finish(self.question.placement, strategy, model_version, self._items(chosen))
        return Answer(rest, tuple([one[0] for one in chosen]))

    def _seeds(self, given: list[int], interest: Interest, past: Past, again: bool) -> tuple[Asked, list[str]]:
        """What to go by: given items, equally strong; then the shopper's own, which count less beside given ones.

        And for each the code of the reason it gives by itself, empty where the source's own says more.
        """
        rows = given[-MOST_SEEDS:]
        weights, because = [1.0] * len(rows), [""] * len(rows)
        count, share = len(rows), self.placement.history if rows else 1.0
        most = MOST_SEEDS - count
        for row, weight, code in zip(interest.seeds[:most], interest.weights, interest.because, strict=False):
            if row not in given:
                rows.append(row)
                weights.append(weight * share)
                because.append(code)
        asked = Asked(
            live=self.live,
            seeds=rows,
            weights=weights,
            given=count,
            category=self.category,
            past=past,
            left_out=[*self.never, *self.last],
            again=again,
            limit=self.question.limit,
        )
        return asked, because

    def _from_sources(self) -> list[Chosen]:
        sources = self.sources.items()
        found = [(some, weight) for name, weight in sources if (some := SOURCES[name](self.asked)) is not None]
        chosen = self._picked(found)
        if len(chosen) < self.question.limit and (more := self._deeper(found)) is not None:
            found.append((more, self.sources.get("similar", 0.0) or _DEEPER_WEIGHT))
            chosen = self._picked(found)
        return chosen

    def _picked(self, found: Sequence[tuple[Found, float]]) -> list[Chosen]:
        asked = self.asked
        return ranking.pick(
            self.live.snapshot,
            found,
            self.eligibility,
            self.placement,
            asked.limit,
            seeds=asked.seeds,
            weights=asked.weights,
            left_out=asked.left_out,
        )

    def _deeper(self, found: Sequence[tuple[Found, float]]) -> Candidates | None:
        """More of what is like the seeds, when filters have left too little of what was worked out beforehand."""
        if not self.asked.seeds or self.live.snapshot.manifest.index is None:
            return None
        allowed = self.eligibility.everywhere()
        allowed[self.asked.left_out] = False
        for one, _ in found:
            allowed[one.all_rows(self.asked)] = False
        return similar.deeper(self.asked, allowed, self.question.limit) if allowed.any() else None

    def _from_fallbacks(self, chosen: list[Chosen]) -> list[Chosen]:
        filling = Filling(self.live, self.placement, self.eligibility, self.never, self.last)
        taken = {row for row, _, _, _ in chosen}
        fills = filling.fill(self.question.limit - len(chosen), popular.category_of(self.asked), taken)
        return [(fill.row, fill.score, fill.reason, -1) for fill in fills]

    def _items(self, chosen: list[Chosen]) -> list[bytes]:
        items = list[bytes]()
        fragments: dict[tuple[str, int], bytes] = {}  # a few seeds bring most of a list
        for row, score, code, seed in chosen:
            # how the linear model's link came about is another for each row
            reason = fragments.get((code, seed)) or self._reason(row, code, seed)
            if code != LINKED:
                fragments[code, seed] = reason
            items.append(answers.item(self.live.card(row), score, reason))
        return items

    def _reason(self, row: int, code: str, seed: int) -> bytes:
        live, seeds, name = self.live, self.asked.seeds, b""
        if seed >= 0 and code != "recent":
            name = live.name(seeds[seed])
            code = self.because[seed] or (code if code != LINKED else of_pair(live.snapshot, seeds[seed], row))
        elif code in reasons.OF_A_CATEGORY:
            name = live.snapshot.category_names[popular.category_of(self.asked)]
        return reasons.fragment(code, name, self.question.language)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
