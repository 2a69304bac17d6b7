"""Edits of metadata that touch nothing else (CARD 4)."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pioche.errors import BadCard
from pioche.repos import cards, front_matter

README = """---
# who may use it
license: mit   # chosen by the lawyers

language:
- en  # most of it
# and a little
- fr
tags: [legal, "contracts"]   # for search
unknown: {a: 1, b: [x]}
date: 2020-01-01
note: |
  line one
  # not a comment
model-index:
- name: x
  results: []
# the end
---
# Title

---
license: not this one
"""


def test_a_field_that_changes_is_the_only_line_that_changes() -> None:
    edited = front_matter.edit(README, {"license": "apache-2.0"})
    assert edited == README.replace("license: mit   # chosen", "license: apache-2.0 # chosen")


def test_items_that_stay_keep_their_comments() -> None:
    edited = front_matter.edit(README, {"language": ["en", "fr", "no"]})
    assert edited == README.replace("- fr\n", "- fr\n- 'no'\n")
    edited = front_matter.edit(README, {"language": ["fr"]})
    assert edited == README.replace("- en  # most of it\n", "")
    edited = front_matter.edit(README, {"tags": ["legal", "a, b"]})
    assert edited == README.replace('[legal, "contracts"]   #', "[legal, 'a, b'] #")


def test_new_fields_come_last_and_removed_ones_take_only_their_lines() -> None:
    edited = front_matter.edit(README, {"library_name": "transformers", "note": None, "datasets": ["a/b"]})
    expected = README.replace("note: |\n  line one\n  # not a comment\n", "")
    assert edited == expected.replace("# the end\n", "# the end\nlibrary_name: transformers\ndatasets:\n- a/b\n")


def test_an_edit_that_changes_nothing_changes_nothing() -> None:
    assert front_matter.edit(README, {"license": "mit", "language": ["en", "fr"], "absent": None}) == README
    assert front_matter.edit(README, {}) == README


@pytest.mark.parametrize(
    ("readme", "edited"),
    [
        ("", "---\nlicense: mit\n---\n"),
        ("# Title\n", "---\nlicense: mit\n---\n# Title\n"),
        ("\ufeff# Title\n", "\ufeff---\nlicense: mit\n---\n# Title\n"),
        ("# Title\r\nmore\r\n", "---\r\nlicense: mit\r\n---\r\n# Title\r\nmore\r\n"),
        ("---\n---\n# Title\n", "---\nlicense: mit\n---\n# Title\n"),
        ("---\n# nothing\n---\n", "---\n# nothing\nlicense: mit\n---\n"),
        ("---\r\ntags: [a]\r\n---\r\n# T\r\n", "---\r\ntags: [a]\r\nlicense: mit\r\n---\r\n# T\r\n"),
        ("\ufeff\n ---\ntags: [a]\n--- \ntext", "\ufeff\n ---\ntags: [a]\nlicense: mit\n--- \ntext"),
        ("---\nlicense: gpl\n", "---\nlicense: mit\n---\n---\nlicense: gpl\n"),
        ("---\n'license': gpl\n---\n", "---\nlicense: mit\n---\n"),
        ("---\nlicense:\n- gpl\n- bsd\n---\n", "---\nlicense: mit\n---\n"),
        ("---\nlicense: >\n  gpl\nb: 1\n---\n", "---\nlicense: mit\nb: 1\n---\n"),
    ],
    ids=range(12),
)  # fmt: skip
def test_where_the_block_is(readme: str, edited: str) -> None:
    assert front_matter.edit(readme, {"license": "mit"}) == edited


@pytest.mark.parametrize(
    "text", ["no", "1.0", "2020-01-01", "null", "a: b", "- x", "#x", "", " ", "é\n\u2028x", "12:30", "~", "'", '"', "]"]
)
def test_texts_stay_texts_for_every_reader(text: str) -> None:
    for readme in ("", README):
        edited = front_matter.edit(readme, {"license_name": text, "tags": ["x", text]})
        assert cards.parse(edited).data["license_name"] == text
        assert cards.parse(edited).data["tags"] == ["x", text]
        block = yaml.safe_load(edited.split("---")[1])
        assert (block["license_name"], block["tags"]) == (text, ["x", text])


@pytest.mark.parametrize(
    "readme", ["---\na: &x [1]\nb: *x\n---\n", "---\n[a]\n---\n", "---\na: [\n---\n"], ids=["alias", "list", "broken"]
)
def test_d_yaml_metadata_that_cannot_be_read_are_not_edited(readme: str) -> None:
    with pytest.raises(BadCard):
        front_matter.edit(readme, {"license": "mit"})


@pytest.mark.parametrize(
    "readme", ["---\n{license: gpl, a: 1}\n---\n", "---\n{license: gpl,\n a: 1}\n---\n"], ids=["one", "two"]
)
def test_what_cannot_be_spliced_is_refused(readme: str) -> None:
    with pytest.raises(BadCard, match=r"edit README\.md as text|cannot be written"):
        front_matter.edit(readme, {"license": "mit"})


def test_values_of_any_shape() -> None:
    value = {"emissions": 1.5, "source": "no", "list": [{"a": True}, []]}
    assert cards.parse(front_matter.edit(README, {"co2_eq_emissions": value})).data["co2_eq_emissions"] == value
    with pytest.raises(BadCard, match="cannot be written"):
        front_matter.edit(README, {"license": object()})
    with pytest.raises(BadCard):
        front_matter.edit(README, {"license": {"a": 1}})


NAMES = st.sampled_from(["license", "language", "tags", "a", "b-c", "pretty_name", "x y", "é"])
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6) | st.sampled_from(
    ["no", "1", "# a", "- b", "\ud7ff"]
)
VALUES = TEXTS | st.lists(TEXTS, max_size=3) | st.integers(-9, 9) | st.booleans()
CARDS = st.dictionaries(NAMES, VALUES, max_size=4)


@given(CARDS, CARDS, st.booleans(), st.booleans())
def test_whatever_is_edited_the_rest_stays(
    data: dict[str, Any], changes: dict[str, Any], flow: bool, remove: bool
) -> None:
    block = yaml.safe_dump(data, allow_unicode=True, sort_keys=False, default_flow_style=flow or None) if data else ""
    readme = f"---\n{block}---\n# Title\n"
    if remove:
        changes = dict.fromkeys(changes)
    try:
        before = cards.parse(readme).data
        edited = front_matter.edit(readme, changes)
    except BadCard:
        return
    expected = {**before, **changes}
    assert cards.parse(edited).data == {n: v for n, v in expected.items() if v is not None}
    assert edited.endswith("---\n# Title\n")
