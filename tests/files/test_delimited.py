"""Tables: layouts, line numbers, and rows whose quotes are broken."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.files import delimited
from server.files.delimited import Broken
from server.files.opening import Opened, Unreadable, inspect


def opened(folder: Path, text: str) -> Opened:
    path = folder / "file.csv"
    path.write_bytes(text.encode())
    return inspect(path)


def rows(folder: Path, text: str) -> list[tuple[int, list[str]] | Broken]:
    file = opened(folder, text)
    table = delimited.layout(file.head)
    assert table is not None
    return list(delimited.read(file, table))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_delimiter_and_line_end(tmp_path: Path, delimiter: str, end: str):
    text = end.join([delimiter.join("abc"), delimiter.join("123"), delimiter.join("456")])
    assert rows(tmp_path, text) == [(2, ["1", "2", "3"]), (3, ["4", "5", "6"])]


def test_lines_are_counted_through_quoted_line_ends_and_blank_lines(tmp_path: Path):
    assert rows(tmp_path, 'a,b\n1,"x\ny"\n\n2,z\n') == [(2, ["1", "x\ny"]), (5, ["2", "z"])]


def test_a_note_about_the_delimiter_before_the_header_is_understood(tmp_path: Path):
    assert rows(tmp_path, "\n\nsep=;\na;b\n1;2,5\n") == [(5, ["1", "2,5"])]


def test_a_header_in_quotes_may_hold_the_delimiter():
    table = delimited.layout('ID,SKU,"GTIN, UPC, EAN, or ISBN",Name\n1,2,3,4\n')
    assert table is not None
    assert table.columns == ("ID", "SKU", "GTIN, UPC, EAN, or ISBN", "Name")


def test_missing_cells_at_the_end_are_empty_and_superfluous_ones_are_reported(tmp_path: Path):
    found = rows(tmp_path, "a,b,c\n1\n1,2,3,,\n1,2,3,4\n5,6,7\n")
    assert found[:2] == [(2, ["1", "", ""]), (3, ["1", "2", "3"])]
    assert isinstance(found[2], Broken)
    assert (found[2].line, found[2].found) == (4, "4 cells")
    assert found[3] == (5, ["5", "6", "7"])


def test_an_open_quote_costs_its_own_row_only(tmp_path: Path):
    found = rows(tmp_path, 'a,b\n1,fine\n2,"never closed\n3,fine\n4,fine\n')
    assert found[0] == (2, ["1", "fine"])
    assert isinstance(found[1], Broken)
    assert found[1].line == 3
    assert found[2:] == [(4, ["3", "fine"]), (5, ["4", "fine"])]


def test_a_stray_quote_that_swallows_lines_up_to_the_next_is_undone(tmp_path: Path):
    found = rows(tmp_path, 'a,b\n1,"5 inch\n2,x\n3,y",z\n4,w\n')
    assert isinstance(found[0], Broken)
    assert (3, ["2", "x"]) in found
    assert (5, ["4", "w"]) in found


def test_a_file_full_of_broken_quotes_is_refused(tmp_path: Path):
    with pytest.raises(Unreadable, match="quotes"):
        rows(tmp_path, "a,b\n" + '1,"x\n2,y",z,z\n' * 300)


def test_nul_bytes_are_removed(tmp_path: Path):
    assert rows(tmp_path, "a,b\n1,x\0y\n" + "2,3\n" * 300)[0] == (2, ["1", "xy"])


def test_a_cell_of_ten_million_characters_is_read(tmp_path: Path):
    found = rows(tmp_path, "a,b\n1," + "x" * 10_000_000 + "\n2,y\n")
    assert [line for line, _ in found] == [2, 3]


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2)))
def test_whatever_a_csv_writer_wrote_is_read_back(tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *cells])
    found = rows(tmp_path_factory.mktemp("csv"), buffer.getvalue())
    assert [row for _, row in found] == [row for row in cells if any(row)]
