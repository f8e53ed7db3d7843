"""Why an item is in the list, in the language of the page."""

from typing import Any

import msgspec
import pytest

from server.serving import reasons
from server.serving.sentences import ENGLISH, LANGUAGES
from tests.serving.goods import Counter, goods, stock

NAMED = {code for code, sentence in ENGLISH.items() if "{}" in sentence}
NAMELESS_WORDS = ("der ", "die ", "das ", "dem ", "el ", "la ", "le ", "les ")  # which would have to fit the name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_every_reason(language: str) -> None:
    sentences = LANGUAGES[language]
    assert sentences.keys() == ENGLISH.keys()
    assert {code for code, sentence in sentences.items() if sentence.count("{}") == 1} == NAMED
    assert not [code for code, sentence in sentences.items() if sentence.count("{") + sentence.count("}") > 2]
    assert len(set(sentences.values())) == len(sentences), "two reasons that read the same explain nothing"
    if language != "en":
        assert not set(sentences.values()) & set(ENGLISH.values())
    for sentence in sentences.values():
        assert not sentence.partition("{}")[0].endswith(NAMELESS_WORDS), sentence


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", ENGLISH)
def test_reason_is_json_whatever_the_product_is_called(code: str, language: str) -> None:
    name = 'Vase "Ä" \\ {} \N{SNOWMAN}' if code in NAMED else ""
    inside = msgspec.json.encode(name)[1:-1]
    item = msgspec.json.decode(b'{"score":1' + reasons.fragment(code, inside, language))
    assert item["reason"] == {"code": code, "text": LANGUAGES[language][code].replace("{}", name, 1)}


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        *(("de", "de"), ("de-AT", "de"), ("DE_ch", "de"), ("pl-PL-x-shop", "pl"), ("ru-Cyrl", "ru")),
        *(("tlh", "en"), ("", "en"), ("-", "en"), ("dede", "en"), ("d", "en"), ("__class__", "en"), ("\x00", "en")),
        *(("en-GB", "en"), ("nds-DE", "en"), ("x" * 10_000, "en")),
    ],
)
def test_language_of_a_page_is_known_by_its_first_part(tag: str, language: str) -> None:
    assert reasons.language_of(tag) == language


async def _texts(counter: Counter, **question: Any) -> list[str]:
    return [item["reason"]["text"] for item in (await counter.ask(**question))["items"]]


async def test_same_list_is_told_in_each_language_also_when_it_is_remembered(stocked: Counter) -> None:
    question: dict[str, Any] = {"placement": "product-page", "item_ids": ("sku-1",), "limit": 6}
    lists = {language: await stocked.ask(**question, language=language) for language in [*LANGUAGES, *LANGUAGES]}
    ids = {tuple(item["item_id"] for item in one["items"]) for one in lists.values()}
    codes = {tuple(item["reason"]["code"] for item in one["items"]) for one in lists.values()}
    assert (len(ids), len(codes)) == (1, 1), "language changes the words and nothing else"
    for language, one in lists.items():
        for item in one["items"]:
            before, _, after = LANGUAGES[language][item["reason"]["code"]].partition("{}")
            assert item["reason"]["text"].startswith(before)
            assert item["reason"]["text"].endswith(after)
    assert await _texts(stocked, **question) == [item["reason"]["text"] for item in lists["en"]["items"]]


async def test_shop_that_was_not_learned_yet_speaks_the_language_too(counter: Counter) -> None:
    await stock(counter.shop, counter.redis, goods(4))
    assert set(await _texts(counter, language="pl")) == {"Nowość w tym sklepie"}


async def test_what_a_shopper_did_is_told_in_the_language(stocked: Counter) -> None:
    texts = await _texts(stocked, recent_item_ids=("sku-6",), language="de")
    assert any(text.startswith("Weil Sie „") and text.endswith("“ angesehen haben") for text in texts)
