"""Code with its words coloured: Pygments' classes, never its styles."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_for_filename, get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType
from pygments.util import ClassNotFound

from pioche.render.escaping import decode, escape_code, lines
from pioche.render.results import Code

CLASSES: Final = frozenset(name for name in STANDARD_TYPES.values() if name) | {"hidden-mark"}
LINE_CHARACTERS_MAX: Final = 20_000
"""Beyond, a file is data rather than code: it is shown as it is."""

# Files whose names Pygments does not know, and that model repos are full of.
_NAMES: Final = {
    ".gitattributes": "ini",
    ".gitignore": "text",
    "tokenizer.model": "text",
    "modelfile": "docker",
}
_SUFFIXES: Final = {
    "jsonl": "json",
    "ndjson": "json",
    "jinja": "html+jinja",
    "ipynb": "json",
    "cff": "yaml",
    "txt": "text",
}


def highlight(source: bytes, name: str) -> Code:
    """A file by its name; its content is never guessed at, which would be slow and sometimes wrong."""
    text = decode(source)
    if any(len(line) > LINE_CHARACTERS_MAX for line in lines(text)):
        return plain(text)
    lexer = _lexer_of_file(name)
    return Code(list(_lines(lexer, text)), lexer.name) if lexer else plain(text)


def highlight_block(text: str, language: str) -> str:
    """A block of code inside a text, as HTML; plain when nobody knows the language."""
    lexer = lexer_of_language(language)
    if lexer is None or any(len(line) > LINE_CHARACTERS_MAX for line in lines(text)):
        return escape_code(text)
    return "\n".join(_lines(lexer, text)) + "\n"


def plain(text: str) -> Code:
    """Without colours; cheap, whatever the text."""
    return Code([escape_code(line) for line in lines(text)])


def _lexer_of_file(name: str) -> Lexer | None:
    base = name.rpartition("/")[2].lower()
    known = _NAMES.get(base) or _SUFFIXES.get(base.rpartition(".")[2])
    if known:
        return lexer_of_language(known)
    found = find_lexer_class_for_filename(base)
    return found(stripnl=False, ensurenl=False) if found else None


@lru_cache(maxsize=64)
def lexer_of_language(language: str) -> Lexer | None:
    if not language or language == "text" or len(language) > 40:
        return None
    try:
        return get_lexer_by_name(language.lower(), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def _lines(lexer: Lexer, text: str) -> Iterator[str]:
    """A token may reach over several lines: each line gets its own span, so that lines can be cut apart."""
    normal = "\n".join(lines(text))
    line = list[str]()
    for kind, value in lexer.get_tokens(normal):
        pieces = value.split("\n")
        for number, piece in enumerate(pieces):
            if number:
                yield "".join(line)
                line = []
            if piece:
                line.append(_span(kind, piece))
    yield "".join(line)


def _span(kind: _TokenType, text: str) -> str:
    name = _class(kind)
    return f'<span class="{name}">{escape_code(text)}</span>' if name else escape_code(text)


@lru_cache(maxsize=512)
def _class(kind: _TokenType) -> str:
    """Pygments' kinds are tuples that grow: the nearest one with a class of its own."""
    known: _TokenType | None = kind
    while known is not None and known not in STANDARD_TYPES:
        known = known.parent
    return STANDARD_TYPES[known] if known is not None else ""
