"""What is refused, in which words, and in which encoding the rest is read."""

import gzip
import os
from pathlib import Path

import pytest

from server.files import opening
from server.files.opening import Unreadable, inspect


def write(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "empty"),
        (b"PK\x03\x04 and so on", "ZIP archive or an Excel workbook"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "web page"),
        (b"<HTML><head></head></HTML>", "web page"),
        (b"\x1f\x8b\x08\x00 not really gzip", "damaged"),
        (gzip.compress(b"a,b\n1,2\n" * 1000)[:-20], "damaged"),
        (gzip.compress(b""), "empty"),
        (gzip.compress(b"PK\x03\x04 a zip in a gzip"), "ZIP"),
        (b"a,b\n" + b"x" * 17_000_000, "line of more than 16 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_what_is_no_feed_is_refused_with_one_sentence_that_names_it(tmp_path: Path, content: bytes, words: str):
    with pytest.raises(Unreadable, match=words) as refused:
        inspect(write(tmp_path, content))
    assert len(str(refused.value)) < 250


def test_random_bytes_are_binary(tmp_path: Path):
    with pytest.raises(Unreadable, match="binary"):
        inspect(write(tmp_path, b"a,b\n" + os.urandom(50_000).replace(b"\0", b"\1")))


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path):
    with pytest.raises(Unreadable, match="unpacks to more than"):
        inspect(write(tmp_path, gzip.compress(b"id,title\n" * 20_000_000)))


def test_the_unpacked_size_is_bounded(tmp_path: Path):
    with pytest.raises(Unreadable, match="unpacks to more than"):
        inspect(write(tmp_path, b"a,b\n" * 1_000_000), most_unpacked=2_000_000)


@pytest.mark.parametrize(
    ("text", "encoding", "language", "spoken"),
    [
        ("Größe für Übergröße, schöne Straße", "cp1252", "", "Windows-1252"),
        ("Красная рубашка из хлопка и синие брюки", "cp1251", "", "Windows-1251"),
        ("Żółta koszulka bawełniana z ładną kieszenią", "cp1250", "", "Windows-1250"),
        ("Żółta", "cp1250", "pl-PL", "Windows-1250"),
        ("赤いシャツと青いズボンの長いもの", "shift_jis", "", "shift_jis"),
    ],
)
def test_old_encodings_are_read_with_a_warning(tmp_path: Path, text: str, encoding: str, language: str, spoken: str):
    opened = inspect(write(tmp_path, f"id,title\n1,{text}\n".encode(encoding)), language=language)
    assert text in opened.head
    assert spoken in opened.warnings[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_in_every_form(tmp_path: Path, encoding: str):
    opened = inspect(write(tmp_path, "id,title\n1,Größe 赤い\n".encode(encoding)))
    assert opened.head == "id,title\n1,Größe 赤い\n"


def test_letters_on_the_edge_of_a_chunk_are_no_damage(tmp_path: Path):
    opened = inspect(write(tmp_path, ("é" * 3_000_000 + "\n").encode()))
    assert opened.warnings == []


def test_damage_in_utf8_is_told_with_its_line(tmp_path: Path):
    opened = inspect(write(tmp_path, b"id,title\n" + "1,café crème\n".encode() * 500 + b"2,caf\xe9\n"))
    assert opened.encoding == "utf-8-sig"
    assert "line 502" in opened.warnings[0]


def test_gzip_is_read_as_if_it_were_not_there(tmp_path: Path):
    opened = inspect(write(tmp_path, gzip.compress("id,title\n1,Größe\n".encode())))
    with opened.text() as stream:
        assert stream.read() == "id,title\n1,Größe\n"
    assert opening.MOST_EXPANSION > 20
