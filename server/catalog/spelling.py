"""The words of one shop's catalog, and which of them a shopper may have meant by a word that is not among them."""

from bisect import bisect_left

from rapidfuzz import process
from rapidfuzz.distance import OSA

_MOST_ALTERNATIVES = 12  # more make a query slow and its answer odd
_SHORTEST_PART = 4  # letters of a part of a compound: "hemd" in "leinenhemd"


class Vocabulary:
    """All words that are indexed for a shop, sorted."""

    def __init__(self, words: list[str]) -> None:
        self._words = sorted(words)
        self._text = "\n" + "\n".join(self._words) + "\n"

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, word: str) -> bool:
        return word in self.starting_with(word, 1)

    def starting_with(self, beginning: str, most: int = _MOST_ALTERNATIVES) -> list[str]:
        """Words with this beginning, in the order of the alphabet."""
        start = bisect_left(self._words, beginning)
        found: list[str] = []
        while start < len(self._words) and len(found) < most and self._words[start].startswith(beginning):
            found.append(self._words[start])
            start += 1
        return found

    def corrections(self, word: str, *, as_beginning: bool) -> list[str]:
        """The words nearest to a misspelt one, best first: one slip from four letters on, two from eight.

        A slip is a letter too many, too few, wrong, or two letters swapped. `as_beginning`: the shopper may still be
        typing, so beginnings of words count too.
        """
        slips = 2 if len(word) >= 8 else 1 if len(word) >= 4 else 0
        if not slips or not word.isalpha():
            return []  # a number with a slip is another number
        near = [one for one in self._words if abs(len(one) - len(word)) <= slips and not one.isdigit()]
        found = process.extract(word, near, scorer=OSA.distance, score_cutoff=slips, limit=50)
        if not found and as_beginning:
            length = len(word)
            beginnings = list({one[:length] for one in self._words if len(one) > length and one[0] == word[0]})
            found = process.extract(word, beginnings, scorer=OSA.distance, score_cutoff=slips, limit=50)
            # of each beginning that fits, some of the words that the shopper may be on the way to
            found = [(one, slips, 0) for start, slips, _ in found for one in self.starting_with(start, 4)]
        if not found:
            return []
        best = min(distance for _, distance, _ in found)
        # people seldom get the first letter wrong
        ranked = sorted((one for one, distance, _ in found if distance == best), key=lambda one: one[0] != word[0])
        return ranked[:_MOST_ALTERNATIVES]

    def relatives(self, word: str) -> list[str]:
        """Words with another ending ("shirts" for "shirt"), and compounds with this one ("leinenhemd" for "hemd")."""
        if len(word) < _SHORTEST_PART or not word.isalpha():
            return []
        stem = word[: max(4, len(word) - 2)]
        inflected = [one for one in self.starting_with(stem, 200) if _differ_in_ending(word, one)]
        return (inflected + self._containing(word))[:_MOST_ALTERNATIVES]

    def parts(self, word: str) -> tuple[str, str] | None:
        """The two words that a compound is made of, if both are known: "leinenhemd" is "leinen" and "hemd"."""
        for cut in range(3, len(word) - 2):
            if word[:cut] in self and word[cut:] in self:
                return word[:cut], word[cut:]
        return None

    def _containing(self, word: str) -> list[str]:
        found: list[str] = []
        at = self._text.find(word)
        while at >= 0 and len(found) < _MOST_ALTERNATIVES:
            start, end = self._text.rfind("\n", 0, at) + 1, self._text.find("\n", at)
            # with a rest of three letters or more at one end: "ring" is no part of "spring"
            if (at == start or at + len(word) == end) and end - start >= len(word) + 3:
                found.append(self._text[start:end])
            at = self._text.find(word, end)
        return found


def _differ_in_ending(word: str, other: str) -> bool:
    shared = 0
    while shared < min(len(word), len(other)) and word[shared] == other[shared]:
        shared += 1
    longest = 2 if len(word) > 5 else 1
    return other != word and len(word) - shared <= longest and len(other) - shared <= 2
