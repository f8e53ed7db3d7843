"""XML: as it should be, repaired, refused."""

from pathlib import Path

import pytest

from server.files import markup
from server.files.opening import Unreadable, inspect


def texts(folder: Path, content: str | bytes) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    path = folder / "feed.xml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    opened = inspect(path)
    found = [
        (line, {str(child.tag).rpartition("}")[2]: child.text or "" for child in element})
        for line, element in markup.read(opened, ("item", "entry"))
    ]
    return found, opened.warnings


def test_elements_come_with_their_line(tmp_path: Path):
    found, warnings = texts(
        tmp_path, "<rss>\n<item><id>1</id></item>" + "\n" * 100_000 + "<item><id>2</id></item></rss>"
    )
    assert found == [(2, {"id": "1"}), (100_002, {"id": "2"})]
    assert warnings == []


def test_bare_ampersands_entities_and_lone_brackets_are_repaired_with_a_warning(tmp_path: Path):
    found, warnings = texts(
        tmp_path,
        "<rss><item><t>Salt & Pepper&nbsp;&eacute;t&eacute; &amp; 5 < 6 &unknown; &#0;</t></item>"
        "<item><t><![CDATA[kept & <b>as it is</b> &nbsp;]]></t></item></rss>",
    )
    assert found[0][1]["t"] == "Salt & Pepper\xa0été & 5 < 6 &unknown; "
    assert found[1][1]["t"] == "kept & <b>as it is</b> &nbsp;"
    assert "not well-formed" in warnings[0]


def test_repairs_hold_across_chunks(tmp_path: Path):
    body = "".join(f"<item><t>{'x' * (n % 97)} A & B &amp; <![CDATA[C & D]]></t></item>" for n in range(12_000))
    found, _ = texts(tmp_path, f"<rss>{body}</rss>")
    assert len(found) == 12_000
    assert all(each["t"].endswith(" A & B & C & D") for _, each in found)


def test_an_undeclared_prefix_is_read(tmp_path: Path):
    found, warnings = texts(tmp_path, "<rss><item><g:id>1</g:id></item></rss>")
    assert found == [(1, {"g:id": "1"})]
    assert "prefix g" in warnings[0]


def test_the_declared_encoding_counts_and_a_false_one_is_repaired(tmp_path: Path):
    latin = "<?xml version='1.0' encoding='ISO-8859-1'?><rss><item><t>Größe</t></item></rss>".encode("latin-1")
    assert texts(tmp_path, latin) == ([(1, {"t": "Größe"})], [])
    found, warnings = texts(tmp_path, latin.replace(b"ISO-8859-1", b"UTF-8"))
    assert found[0][1]["t"] == "Größe"
    assert warnings


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><rss><item>&c;</item></rss>', "entities"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss><item>&a;</item></rss>', "entities"),
        ("<catalog><product/></catalog>", "no <item> or <entry>"),
        ("<rss", "no <item>"),
    ],
)
def test_dangerous_or_foreign_xml_is_refused(tmp_path: Path, content: str, words: str):
    with pytest.raises(Unreadable, match=words):
        texts(tmp_path, content)


def test_a_file_without_its_end_is_noticed(tmp_path: Path):
    path = tmp_path / "feed.xml"
    path.write_text("<rss><item><id>1</id></item><item><id>2</id>")
    opened = inspect(path)
    assert [line for line, _ in markup.read(opened, ("item",))][:1] == [1]
    assert opened.cut_off


def test_memory_stays_flat(tmp_path: Path):
    path = tmp_path / "feed.xml"
    path.write_text("<rss>" + "<item><id>1</id><d>" + "x" * 1000 + "</d></item>" * 1 + "</rss>")
    opened = inspect(path)
    for _, element in markup.read(opened, ("item",)):
        assert element.getprevious() is None
