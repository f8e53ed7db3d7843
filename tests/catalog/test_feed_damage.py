"""Damaged and hostile files: each is read as far as it goes or refused in words, and nothing else ever happens."""

import gzip
from pathlib import Path

import pytest
from feed_reading import FEEDS, Feed, read_feed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.catalog.options import FORMATS, ImportOptions
from server.files.opening import Unreadable

XML = (
    '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>'
    + "".join(
        f"<item><g:id>{n}</g:id><g:title>Title {n} &amp; more</g:title><g:price>{n}.00 EUR</g:price>"
        f"<g:description><![CDATA[<p>Text & {n}</p>]]></g:description></item>"
        for n in range(20)
    )
    + "</channel></rss>"
).encode()
JSON_LINES = b"".join(b'{"item_id": "%d", "title": "T", "price": %d, "tags": ["a"]}\n' % (n, n) for n in range(20))
WHOLE = [
    (FEEDS / "shopify-furniture.csv").read_bytes(),
    (FEEDS / "magento-hoodies.csv").read_bytes()[:12_000],
    XML,
    JSON_LINES,
    gzip.compress(XML),
]
PIECES = [
    b'"',
    b"\n",
    b"\r",
    b",",
    b";",
    b"\0",
    b"<",
    b"&",
    b"]]>",
    b"<!--",
    b"\xff\xfe",
    b"\xe9",
    b"{",
    b"[" * 3000,
    b"\x1f\x8b",
]


def attempt(folder: Path, content: bytes, options: ImportOptions) -> Feed | None:
    path = folder / "feed"
    path.write_bytes(content)
    try:
        return read_feed(path, options)
    except Unreadable as refused:
        assert 10 < len(str(refused)) < 1_500
        return None


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whole=st.sampled_from(WHOLE),
    damage=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 200), st.sampled_from(PIECES) | st.binary(max_size=8)), max_size=6
    ),
    file_format=st.sampled_from(FORMATS),
)
def test_damage_anywhere_is_survived(
    tmp_path: Path, whole: bytes, damage: list[tuple[float, int, bytes]], file_format: str
):
    for where, length, piece in damage:
        at = int(where * len(whole))
        whole = whole[:at] + piece + whole[at + length :]
    feed = attempt(tmp_path, whole, ImportOptions.of({"format": file_format}))
    if feed:
        assert all(item.item_id and item.title for item in feed.items.values())
        assert all(problem.expected for problem in feed.rejections)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode()))
def test_any_bytes_are_survived(tmp_path: Path, content: bytes):
    attempt(tmp_path, content, ImportOptions())


@pytest.mark.parametrize("whole", WHOLE, ids=["shopify", "magento", "xml", "jsonl", "gzip"])
def test_a_file_cut_off_anywhere_is_survived(tmp_path: Path, whole: bytes):
    for part in range(1, 20):
        attempt(tmp_path, whole[: len(whole) * part // 20], ImportOptions())


def test_deeply_nested_json_and_xml_are_survived(tmp_path: Path):
    deep = b'{"item_id": "1", "title": "T", "attributes": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}\n"
    feed = attempt(tmp_path, deep + JSON_LINES, ImportOptions())
    assert feed is not None
    assert (len(feed.items), len(feed.rejections)) == (20, 1)
    attempt(tmp_path, b"<rss>" + b"<item>" * 100_000 + b"</rss>", ImportOptions())
