import pytest
from hypothesis import given
from hypothesis import strategies as st

from pioche.git.objects import (
    EMPTY_TREE,
    MODE_FILE,
    MODE_TREE,
    BadObject,
    Commit,
    Signature,
    TreeEntry,
    build_commit,
    build_tag,
    build_tree,
    object_id,
    parse_commit,
    parse_signature,
    parse_tag,
    parse_tree,
)
from pioche.names import Oid

ONE, TWO = Oid("1" * 40), Oid("2" * 40)
ADA = Signature("Ada", "ada@example.org", 1_700_000_000, -330)


def test_the_ids_are_git_s() -> None:
    assert object_id("blob", b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert object_id("tree", b"") == EMPTY_TREE


def test_a_commit_survives_the_round_trip() -> None:
    data = build_commit(ONE, (TWO, ONE), ADA, ADA, "Title\n\nBody\nmore\n")
    commit = parse_commit(TWO, data)
    assert commit == Commit(TWO, ONE, (TWO, ONE), ADA, ADA, "Title\n\nBody\nmore\n")
    assert (commit.title, commit.body) == ("Title", "Body\nmore")


def test_signatures_cannot_smuggle_a_field() -> None:
    forged = Signature("Eve>\ncommitter X <x@y> 1 +0000\n\n", "e\n<>@x", -5, 0)
    commit = parse_commit(ONE, build_commit(ONE, (), forged, ADA, "m"))
    assert commit.committer == ADA
    assert commit.author.at == 0
    assert commit.message == "m"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"A <a@b> 99999999999999999999 +9999", Signature("A", "a@b", 253_402_300_799, 1439)),
        (b"A <a@b> -1 -0130", Signature("A", "a@b", 0, -90)),
        (b"A <a@b>", Signature("A", "a@b", 0, 0)),
        (b"no brackets", Signature("no brackets", "", 0, 0)),
        (b"\xff <a@b> 5 +0000", Signature("\ufffd", "a@b", 5, 0)),
        (b"x" * 1_000_000, Signature("x" * 1_000_000, "", 0, 0)),
    ],
)
def test_odd_signatures_stay_readable(text: bytes, expected: Signature) -> None:
    assert parse_signature(text) == expected


def test_a_message_in_another_encoding() -> None:
    data = build_commit(ONE, (), ADA, ADA, "").rstrip()
    assert parse_commit(ONE, data + b"\nencoding ISO-8859-1\n\ncaf\xe9").message == "café"
    assert parse_commit(ONE, data + b"\n\ncaf\xe9").message == "caf\ufffd"
    assert parse_commit(ONE, data + b"\nencoding unicode_escape\n\n\\u0041\xe9").message == "\\u0041\ufffd"


def test_a_signed_commit_keeps_its_message() -> None:
    data = build_commit(ONE, (), ADA, ADA, "").rstrip()
    signed = data + b"\ngpgsig -----BEGIN\n tree of lines\n -----END\n\nHello"
    assert parse_commit(ONE, signed).message == "Hello"


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 50, b"tree x\nauthor a <b> 1 +0\ncommitter a <b> 1 +0\n\n", b"tree " + b"1" * 40]
)
def test_what_is_not_a_commit(data: bytes) -> None:
    with pytest.raises(BadObject):
        parse_commit(ONE, data)


def test_an_annotated_tag() -> None:
    tag = parse_tag(ONE, build_tag(TWO, "commit", "v1", ADA, "First\n"))
    assert (tag.target, tag.kind, tag.name, tag.tagger, tag.message) == (TWO, "commit", "v1", ADA, "First\n")


def test_a_tree_is_sorted_as_git_sorts() -> None:
    entries = [TreeEntry(MODE_FILE, "a.b", ONE), TreeEntry(MODE_TREE, "a", ONE), TreeEntry(MODE_FILE, "a-b", ONE)]
    assert [entry.name for entry in parse_tree(build_tree(entries))] == ["a-b", "a.b", "a"]


@pytest.mark.parametrize("name", ["", "a/b", "nul\0"])
def test_a_name_that_no_tree_may_hold(name: str) -> None:
    with pytest.raises(BadObject):
        build_tree([TreeEntry(MODE_FILE, name, ONE)])


def test_a_name_that_stands_twice() -> None:
    with pytest.raises(BadObject):
        build_tree([TreeEntry(MODE_FILE, "a", ONE), TreeEntry(MODE_TREE, "a", TWO)])


@pytest.mark.parametrize(
    "data", [b"100644 a", b"100644 a\0" + b"x" * 19, b"a\0" + b"x" * 20, b"9 a\0" + b"x" * 20, b"\0"]
)
def test_what_is_not_a_tree(data: bytes) -> None:
    with pytest.raises(BadObject):
        parse_tree(data)


names = st.binary(min_size=1, max_size=12).filter(lambda name: b"/" not in name and b"\0" not in name)
entries = st.builds(
    TreeEntry,
    st.sampled_from([MODE_FILE, MODE_TREE, 0o100664]),
    names.map(lambda name: name.decode("utf-8", "surrogateescape")),
    st.sampled_from([ONE, TWO]),
)


@given(st.lists(entries, unique_by=lambda entry: entry.name))
def test_any_tree_survives_the_round_trip(tree: list[TreeEntry]) -> None:
    assert sorted(parse_tree(build_tree(tree))) == sorted(tree)


@given(st.binary(max_size=200))
def test_no_bytes_upset_the_parsers(data: bytes) -> None:
    for parse in (parse_tree, lambda raw: parse_commit(ONE, raw), lambda raw: parse_tag(ONE, raw)):
        try:
            parse(data)  # type: ignore[operator]
        except BadObject:
            continue
