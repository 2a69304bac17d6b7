"""Texts in the language of the present request.

from pioche.i18n.texts import gettext as _, ngettext
_("Files and versions")
ngettext("%(num)s file", "%(num)s files", count) % {"num": count}
"""

from functools import lru_cache
from importlib.resources import files
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from pioche.i18n import languages

_ACCENTED = str.maketrans("aceinouyACEINOUY", "áçéîñöûÿÁÇÉÎÑÖÛÝ")


def gettext(text: str) -> str:
    """`text` in the spoken language; itself where there is no translation."""
    language = languages.spoken()
    if language == languages.DEFAULT:
        return text
    if language == languages.PSEUDO:
        return pseudo(text)
    return str(_catalog(language).ugettext(text))


def ngettext(singular: str, plural: str, number: int) -> str:
    """The form that goes with `number`: French says 0 and 1 in the singular, English only 1."""
    language = languages.spoken()
    if language in (languages.DEFAULT, languages.PSEUDO):
        text = singular if number == 1 else plural
        return pseudo(text) if language == languages.PSEUDO else text
    return str(_catalog(language).ungettext(singular, plural, number))


def lazy(text: str) -> str:
    """Marks a text of a table, which is written before anybody asks, for translation; `gettext` it when it is shown."""
    return text


def pseudo(text: str) -> str:
    """`text` with accents, in brackets and 40 % longer; what stands in `%(...)s` and in tags stays."""
    parts, depth = list[str](), 0
    for position, character in enumerate(text):
        if character in "<{" or text[position : position + 2] == "%(":
            depth += 1
        parts.append(character if depth else character.translate(_ACCENTED))
        if depth and (character in ">}" or (character == "s" and text[position - 1 : position] == ")")):
            depth -= 1
    return f"[{''.join(parts)}{'~' * (len(text) * 4 // 10)}]"


@lru_cache(maxsize=8)
def _catalog(language: str) -> Translations:
    """All areas of a language, read from their .po files once a process."""
    found: Translations | None = None
    for file in sorted((files("pioche.i18n") / language).iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".po"):
            continue
        compiled = BytesIO()
        with file.open("rb") as source:
            write_mo(compiled, read_po(source, locale=language))
        compiled.seek(0)
        area = Translations(compiled)
        found = area if found is None else found.merge(area)
    assert found is not None, f"there is no .po file of {language}"  # noqa: S101 - part of the package
    return found
