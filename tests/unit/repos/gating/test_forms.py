"""What a gate asks, by the metadata of a card, and which answers fit."""

from typing import Any

import pytest

from pioche.repos.gating import forms
from pioche.repos.gating.forms import Field, Kind, Problem

CARD: dict[str, Any] = {
    "extra_gated_heading": "Terms of Ada",
    "extra_gated_prompt": "Be **kind**.",
    "extra_gated_description": "We answer in two days.",
    "extra_gated_button_content": "I agree",
    "extra_gated_fields": {
        "Company": "text",
        "Born on": "date_picker",
        "Country": "country",
        "For what": {"type": "select", "options": ["Research", {"label": "Something else", "value": "other"}]},
        "I will not sell it": "checkbox",
    },
}
GOOD = {
    "Company": "Analytical Engines",
    "Born on": "1815-12-10",
    "Country": "GB",
    "For what": "other",
    "I will not sell it": "on",
}


def test_all_that_a_card_says() -> None:
    form = forms.of_card(CARD)
    assert (form.heading, form.prompt, form.button) == ("Terms of Ada", "Be **kind**.", "I agree")
    assert [field.kind for field in form.fields] == [
        Kind.TEXT, Kind.DATE, Kind.COUNTRY, Kind.SELECT, Kind.CHECKBOX,
    ]  # fmt: skip
    assert form.fields[3].options == (("Research", "Research"), ("other", "Something else"))


def test_good_answers_are_kept_as_texts() -> None:
    found = forms.check(forms.of_card(CARD), GOOD | {"csrf": "x", "another": "y"})
    assert found.problems == {}
    assert found.answers == GOOD | {"I will not sell it": "true"}


@pytest.mark.parametrize(
    ("label", "answer", "problem"),
    [
        ("Company", "", Problem.MISSING),
        ("Company", "   ", Problem.MISSING),
        ("Company", "x" * 2001, Problem.TOO_LONG),
        ("Company", "a\x00b", Problem.NOT_PLAIN),
        ("Company", "\ud800", Problem.NOT_PLAIN),
        ("Born on", "10/12/1815", Problem.NO_DATE),
        ("Born on", "1815-13-10", Problem.NO_DATE),
        ("Born on", "18151210", Problem.NO_DATE),
        ("Country", "England", Problem.NO_OPTION),
        ("Country", "EU", Problem.NO_OPTION),
        ("For what", "Something else", Problem.NO_OPTION),
        ("I will not sell it", "off", Problem.MISSING),
    ],
)
def test_an_answer_that_does_not_fit_is_named(label: str, answer: str, problem: Problem) -> None:
    assert forms.check(forms.of_card(CARD), GOOD | {label: answer}).problems == {label: problem}


def test_every_field_has_to_be_answered() -> None:
    assert set(forms.check(forms.of_card(CARD), {}).problems) == set(GOOD)


def test_who_excludes_the_european_union_asks_for_a_word_and_refuses_its_countries() -> None:
    form = forms.of_card(CARD | {"extra_gated_eu_disallowed": True})
    assert forms.check(form, GOOD).problems == {forms.NOT_IN_EU: Problem.MISSING}
    assert forms.check(form, GOOD | {forms.NOT_IN_EU: "true"}).problems == {}
    inside = forms.check(form, GOOD | {forms.NOT_IN_EU: "true", "Country": "FR"})
    assert inside.problems == {"Country": Problem.EXCLUDED}


@pytest.mark.parametrize("fields", [None, 1, "text", ["Company"], {"": "text"}, {"csrf": "text", "agreement": "text"}])
def test_what_cannot_be_asked_is_left_out(fields: Any) -> None:
    form = forms.of_card({"extra_gated_fields": fields, "extra_gated_prompt": ["x"], "extra_gated_heading": {"a": 1}})
    assert (form.fields, form.prompt, form.heading) == ((), "", "")


def test_odd_fields_are_asked_as_text_or_not_at_all() -> None:
    fields = {
        "a": "ip_location",
        "b": 7,
        "c": {"type": "select"},
        "d": {"type": "select", "options": "x"},
        "e[]": "text",
    }
    assert forms.of_card({"extra_gated_fields": fields}).fields == (
        Field("a", Kind.TEXT), Field("b", Kind.TEXT), Field("e", Kind.TEXT),
    )  # fmt: skip
    many = {f"field {number}": "text" for number in range(1000)}
    assert len(forms.of_card({"extra_gated_fields": many}).fields) == 50


def test_the_version_follows_what_is_agreed_to() -> None:
    assert forms.of_card(CARD).version == forms.of_card(dict(CARD)).version
    assert forms.of_card(CARD).version != forms.of_card(CARD | {"extra_gated_prompt": "Be rude."}).version
