"""What the products of a data set say, whatever its columns are called."""

from collections.abc import Sequence

from benchmarks.quality.shop import Products

_TITLES = ("title", "name", "product_name", "description")  # a shop that has but descriptions calls its products so
_BRANDS = ("brand", "manufacturer")
_CATEGORIES = ("category_path", "categories", "category")
_DESCRIPTIONS = ("description", "text", "details")
_NO_WORDS = ("image", "url", "link", "date", "sold", "time")  # parts of the names of columns that hold no words
_MOST_CHARACTERS = 2_000  # of a description: some hold whole manuals


def products(rows: Sequence[dict[str, str]], key: str = "item_id") -> Products:
    """The products of the rows of `items.csv.gz`. Columns of unknown names belong to the description."""
    columns = list(dict.fromkeys(name for row in rows[:1000] for name in row if name and name != key))
    wordy = [name for name in columns if _holds_words(name, [row.get(name) or "" for row in rows])]
    title = next((name for name in _TITLES if name in wordy), wordy[0] if wordy else "")
    brand, category, description = (
        next((name for name in names if name in wordy and name != title), "")
        for names in (_BRANDS, _CATEGORIES, _DESCRIPTIONS)
    )
    named = {title, brand, *_CATEGORIES, description}
    others = [name for name in wordy if name not in named]

    def said(row: dict[str, str], names: Sequence[str]) -> str:
        return ". ".join(part for part in ((row.get(name) or "").strip() for name in names if name) if part)

    passages = [said(row, (title, brand, category)) for row in rows]
    more = [said(row, (*others, description))[:_MOST_CHARACTERS] for row in rows]
    return Products(
        [row[key] for row in rows],
        passages,
        [f"{passage}. {rest}" if rest else passage for passage, rest in zip(passages, more, strict=True)],
        [(row.get(brand) or "").strip() for row in rows],
        [(row.get(category) or "").strip() for row in rows],
    )


def _holds_words(name: str, values: Sequence[str]) -> bool:
    return not any(part in name.lower() for part in _NO_WORDS) and not all(map(_is_number, values))


def _is_number(value: str) -> bool:
    try:
        float(value or "0")
    except ValueError:
        return False
    return True
