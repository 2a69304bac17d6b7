import pytest

from pioche.repos.preview.spans import Unreadable
from pioche.repos.preview.tables import read


def test_separators_are_found() -> None:
    for text, name in (("a,b\n1,2\n", "x.csv"), ("a;b\n1;2\n", "x.csv"), ("a\tb\n1\t2\n", "x.tsv")):
        table = read(text.encode(), name, is_whole=True)
        assert (table.header, table.rows, table.is_cut) == (["a", "b"], [["1", "2"]], False)


def test_quotes_byte_order_mark_and_uneven_rows() -> None:
    table = read('\ufeffa,"b ""c""\nd"\r\n1\r\n\r\n1,2,3\r\n'.encode(), "x.csv", is_whole=True)
    assert table.header == ["a", 'b "c"\nd', ""]
    assert table.rows == [["1", "", ""], ["1", "2", "3"]]


def test_json_lines_are_columns_by_name() -> None:
    table = read(b'{"a": 1, "b": [1, {"c": null}]}\n\n{"c": "x", "a": null}\n7\n', "x.jsonl", is_whole=True)
    assert table.header == ["a", "b", "c", ""]
    assert table.rows == [["1", '[1,{"c":null}]', "", ""], ["", "", "x", ""], ["", "", "", "7"]]


def test_only_the_beginning_of_what_is_large() -> None:
    table = read(b"a,b\n" + b"1,2\n" * 1000 + b"3,", "x.csv", is_whole=False)
    assert len(table.rows) == 100
    assert table.is_cut
    wide = read(b",".join(b"%d" % n for n in range(300)), "x.csv", is_whole=True)
    assert (len(wide.header), wide.columns_cut) == (100, 200)
    assert read(b"a,b\n1,2\n3,", "x.csv", is_whole=False).rows == [["1", "2"]]
    assert read(b"x" * 1000, "x.csv", is_whole=False).header == ["x" * 300 + "…"]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"a\0b", "x.csv"),
        (b'"' + b"x" * 200_000, "x.csv"),
        (b"{", "x.jsonl"),
        (b"[" * 50_000, "x.jsonl"),
        (b'{"a": NaN}', "x.jsonl"),
    ],
)
def test_what_is_no_table_says_so(head: bytes, name: str) -> None:
    with pytest.raises(Unreadable):
        read(head, name, is_whole=False)


def test_an_empty_file_is_an_empty_table() -> None:
    assert read(b"", "x.csv", is_whole=True).rows == []
    assert read(b"", "x.jsonl", is_whole=True).header == []
