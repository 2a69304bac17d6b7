"""Texts, numbers and times in French and English; and that no text waits for its French."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import pioche
from pioche.i18n import formats, languages, texts

SOURCES = Path(pioche.__file__).parent
METHODS = [("**/templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    languages.speak("en")


def written() -> set[str]:
    """Every text (of a plural, the singular) that the code and the templates say."""
    options = {"**/templates/**.html": {"trimmed": "true", "silent": "false", "extensions": "jinja2.ext.do"}}
    found = set[str]()
    for _, _, message, _, _ in extract_from_dir(str(SOURCES), METHODS, options, keywords=KEYWORDS):
        found.add(message if isinstance(message, str) else message[0])
    return found


def translated() -> dict[str, Catalog]:
    areas = sorted((files("pioche.i18n") / "fr").iterdir(), key=lambda file: file.name)
    found = {}
    for area in areas:
        with area.open("rb") as source:
            found[area.name] = read_po(source, locale="fr", abort_invalid=True)
    return found


def test_every_text_has_its_french() -> None:
    french = {
        (m.id if isinstance(m.id, str) else m.id[0]) for catalog in translated().values() for m in catalog if m.id
    }
    assert sorted(written() - french) == []


def test_every_translation_is_of_a_text_that_there_is_and_keeps_its_places() -> None:
    texts_there_are = written()
    wrong = []
    for area, catalog in translated().items():
        for message in catalog:
            if not message.id:
                continue
            ids = [message.id] if isinstance(message.id, str) else list(message.id)
            strings = [message.string] if isinstance(message.string, str) else list(message.string)
            places = [set(re.findall(r"%\(\w+\)[sd]|\{\w*\}", text)) for text in (ids[-1], strings[-1])]
            if ids[0] not in texts_there_are or not all(strings) or places[0] != places[1]:
                wrong.append((area, ids[0]))
    assert wrong == []


def test_french_counts_none_and_one_in_the_singular() -> None:
    languages.speak("fr")
    assert texts.gettext("Sign in") == "Se connecter"
    assert texts.gettext("no such text") == "no such text"


@pytest.mark.parametrize(
    ("language", "number", "size", "percent"),
    [("en", "1,234.5", "12.3 GB", "50%"), ("fr", "1 234,5", "12,3 Go", "50 %")],
)
def test_numbers_as_their_readers_write_them(language: str, number: str, size: str, percent: str) -> None:
    languages.speak(language)
    assert _plain(formats.number(1234.5)) == number
    assert _plain(formats.size(12_345_000_000)) == size
    assert _plain(formats.percent(0.5)) == percent


def test_sizes_of_models() -> None:
    assert [_plain(formats.parameters(n)) for n in (999, 1500, 7_250_000_000)] == ["999", "1.5 K", "7.25 B"]


def _plain(text: str) -> str:
    return re.sub(r"\s", " ", text)


def test_the_pseudo_language_keeps_places_and_grows() -> None:
    assert texts.pseudo("Delete %(name)s now") == "[Délété %(name)s ñöw~~~~~~~]"
