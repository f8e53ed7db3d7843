"""HTML to text, lists, category paths and addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.catalog import text


@pytest.mark.parametrize(
    ("html", "plain"),
    [
        ("<p>Soft &amp; <b>warm</b></p><p>Second</p>", "Soft & warm\nSecond"),
        ("One<br/>Two<br>Three", "One\nTwo\nThree"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<script>alert(1)</script><style>p{}</style>Seen<!-- not seen -->", "Seen"),
        ("<div>Seen<script>not</script> too</div>", "Seen too"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("Caf&eacute; &#8364;5&nbsp;only", "Café €5 only"),
        ("&lt;p&gt;Escaped &amp;amp; twice&lt;/p&gt;", "Escaped & twice"),
        ("<p>unclosed <b>and <i>nested", "unclosed and nested"),
        ("  many   spaces\r\n\r\nand lines ", "many spaces\nand lines"),
        ("soft\u00adhyphen and\u200b zero", "softhyphen and zero"),
        ("<p></p>", ""),
        ("A<table><tr><td>1</td><td>2</td></tr></table>B", "A\n1\n2\nB"),
    ],
)
def test_html_becomes_the_text_a_reader_sees(html: str, plain: str):
    assert text.plain(html) == plain


def test_deep_nesting_and_long_texts_are_survived():
    assert text.plain("<div>" * 50_000 + "x" + "</div>" * 50_000) in ("x", "")
    assert len(text.cut(text.plain("<p>word </p>" * 400_000))) <= 100_000


@given(st.text(st.sampled_from("<>/&;#ab p\n\"'=!-[]"), max_size=60))
def test_no_text_breaks_it(raw: str):
    assert "<script" not in text.plain(raw)


def test_lists_keep_escaped_commas_and_lose_repeats():
    assert text.separated("a, b,,a , c\\, d") == ["a", "b", "c, d"]
    assert text.separated("a|b;c", "|;") == ["a", "b", "c"]


def test_category_paths():
    assert text.path("Men>Shirts > Linen ") == "Men > Shirts > Linen"
    assert text.path("Men/Tops", "/") == "Men > Tops"


def test_addresses_are_apart_only_where_one_begins():
    assert text.addresses("https://a.de/1,2.jpg, https://a.de/3.jpg|//b.de/4.jpg") == [
        "https://a.de/1,2.jpg",
        "https://a.de/3.jpg",
        "https://b.de/4.jpg",
    ]
    assert text.web_address("javascript:alert(1)") == ""
    assert text.web_address("https://a.de/two words.jpg") == "https://a.de/two%20words.jpg"
