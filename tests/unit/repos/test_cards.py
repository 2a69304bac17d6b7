"""The metadata block of a README, from strangers (D-YAML): accepted as written, or refused with the line."""

import contextlib
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pioche.errors import BadCard
from pioche.repos import cards


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML with and without libyaml: the same answers."""
    monkeypatch.setattr(cards, "_LOADER", yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader)


def card(block: str) -> cards.Card:
    return cards.parse(f"---\n{block}\n---\n# title\n")


def test_scalars_are_kept_as_written_but_for_plain_numbers_and_booleans() -> None:
    """YAML 1.1 would make False of `no`, a date of a date, NaN of .nan (reliability.md section 3)."""
    block = """
a: no
b: on
c: 2020-01-01
d: .nan
e: 12:30
f: 0x1f
g: 010
h: 1_000
i: 1e999
j: '5'
k: "true"
l: true
m: null
n:
o: -3
p: 1.5
q: 2e3
r: 99999999999999999999
s: !!binary aGk=
t: ~
"""
    expected: dict[str, Any] = {
        "a": "no", "b": "on", "c": "2020-01-01", "d": ".nan", "e": "12:30", "f": "0x1f", "g": "010", "h": "1_000",
        "i": "1e999", "j": "5", "k": "true", "l": True, "m": None, "n": None, "o": -3, "p": 1.5, "q": 2000.0,
        "r": "99999999999999999999", "s": "aGk=", "t": None,
    }  # fmt: skip
    assert card(block).data == expected
    assert json.loads(card(block).as_json()) == expected


@pytest.mark.parametrize(
    ("readme", "data"),
    [
        ("---\nlicense: mit\n---\n", {"license": "mit"}),
        ("\ufeff---\nlicense: mit\n---", {"license": "mit"}),
        ("---\r\nlicense: mit\r\n---\r\n# x", {"license": "mit"}),
        ("\n\n  ---\nlicense: mit\n---\n", {"license": "mit"}),
        ("---  \na:\n- 1\n- b\n---  \n", {"a": [1, "b"]}),
        ("---\n1: a\ntrue: b\n---\n", {"1": "a", "true": "b"}),
        ("---\na: &x 1\nb: !!python/object/apply:os.system [ls]\n---\n", {"a": 1, "b": ["ls"]}),
        ("---\n<<: {a: 1}\n---\n", {"<<": {"a": 1}}),
        ("---\na: |\n  text\n---\n", {"a": "text"}),
        ("---\nemoji: 🚀\n---\n", {"emoji": "🚀"}),
        ("---\n# nothing\n---\n", {}),
        ("---\n---\n", {}),
        ("---", {}),
        ("---\nlicense: mit\n", {}),
        ("# no block", {}),
        ("", {}),
        ("text\n---\nlicense: mit\n---\n", {}),
        ("----\nlicense: mit\n---\n", {}),
    ],
    ids=ascii,
)
def test_where_the_block_begins_and_ends(readme: str, data: dict[str, Any]) -> None:
    found = cards.parse(readme)
    if "text" in str(found.data.get("a")):
        found.data["a"] = str(found.data["a"]).strip()
    assert found.data == data
    assert found.warnings == ([] if data else [cards.EMPTY_WARNING])


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("a: &x [1]\nb: *x", r"aliases .*\(line 3\)"),
        ("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]", r"aliases .*\(line 3\)"),
        ("a: " + "[" * 20_000, "nested more than 32"),
        ("a: " + "{a: " * 1_000, "nested more than 32"),
        ("\n".join(" " * depth + "a:" for depth in range(200)), "nested more than 32"),
        ("a: 1\nb: 2\na: 3", r"'a' \(line 4\)"),
        ("a: {b: 1, b: 2}", r"'b' \(line 2\)"),
        ("? [a]\n: b", r"\(line 2\)"),
        ("[a]", "mapping"),
        ("hello", "mapping"),
        ("5", "mapping"),
        ("a:\n\t- b", r"\(line 3\)"),
        ("a: [", r"not valid YAML"),
        ('a: "\\ud800"', r"."),
        ('a: "\\U7fffffff"', r"."),
        ("a: \x00", "."),
        ("a: \x01", "."),
        ("a: 1\n...\n--- x", "."),
        ("a: " + "x" * 65_536, "65536 bytes"),
        ("a: é" + "é" * 32_768, "65536 bytes"),
        ("x: 1\n" * 2_000_000, "65536 bytes|Duplicate"),
        ("license: {a: b}", '"license" must be a string'),
        ("tags:\n- [a]", '"tags" must be a string'),
        ("model-index: {}", '"model-index" must be an array'),
        ("model-index: [1]", r"model-index\[0\]"),
        ("model-index: [{results: 1}]", r"model-index\[0\]"),
        ("model-index: [{results: [1]}]", r"results\[0\].*required"),
        ("model-index: [{results: [{task: {}, dataset: {}}]}]", r"metrics.*required"),
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_what_is_refused_says_why_and_where(block: str, message: str) -> None:
    with pytest.raises(BadCard, match=message) as caught:
        card(block)
    assert caught.value.status == 400
    stored = cards.read(f"---\n{block}\n---\n".encode())
    assert (stored.data, stored.warnings) == ({}, [caught.value.message])


def test_a_readme_of_ten_megabytes_is_no_work() -> None:
    for text in (" " * 10**7 + "x", "---\n" + "a\n" * 5 * 10**6, "---\n" + "--- a\n" * 10**6, "\n" * 10**7):
        with contextlib.suppress(BadCard):
            assert cards.parse(text).data == {}


def test_bytes_that_are_no_text_are_read_with_replacements() -> None:
    assert cards.read(b"---\nlicense: \xff\n---\n").data == {"license": "\ufffd"}


@given(st.text(max_size=200))
def test_any_text_is_a_card_or_a_bad_one(text: str) -> None:
    try:
        found = card(text)
    except BadCard:
        return
    json.loads(found.as_json())


SCALARS = st.text(max_size=8) | st.integers() | st.booleans() | st.none() | st.floats()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=5))
def test_whatever_yaml_writes_is_read_or_refused(data: dict[str, Any]) -> None:
    try:
        found = card(yaml.safe_dump(data, allow_unicode=True))
    except BadCard:
        return
    json.loads(found.as_json())
