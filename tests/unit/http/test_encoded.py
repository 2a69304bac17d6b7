"""Rows that lists have shown: of one generation of the database, and never more than so many bytes."""

from pioche.http.encoded import EncodedRows


def test_a_row_is_known_by_what_it_shows_until_something_is_committed() -> None:
    rows = EncodedRows()
    rows.keep(1, "short", {7: b"{}", 8: b"[]"})
    assert rows.find(1, "short", [8, 9, 7]) == {8: b"[]", 7: b"{}"}
    assert rows.find(1, "full", [7]) == {}
    assert rows.find(2, "short", [7]) == {}
    rows.keep(2, "short", {9: b"1"})
    assert rows.find(2, "short", [7, 8, 9]) == {9: b"1"}


def test_what_was_read_before_a_commit_is_not_kept_after_it() -> None:
    rows = EncodedRows()
    rows.keep(2, "short", {7: b"new"})
    rows.keep(1, "short", {7: b"old", 8: b"old"})
    assert rows.find(2, "short", [7, 8]) == {7: b"new"}
    assert rows.find(1, "short", [7, 8]) == {}


def test_nothing_is_kept_where_commits_cannot_be_told() -> None:
    rows = EncodedRows()
    rows.keep(None, "short", {7: b"{}"})
    assert rows.find(None, "short", [7]) == {}


def test_all_are_forgotten_before_there_are_too_many_bytes() -> None:
    rows = EncodedRows(bytes_max=1000)
    for number in range(100):
        rows.keep(1, "short", {number: b"x" * 100})
    assert 1 <= len(rows.find(1, "short", range(100))) <= 3
    rows.keep(1, "short", {200: b"x" * 2000})
    assert rows.find(1, "short", [200]) == {}
