"""What is searched in: the text of a card as people read it, a README without its metadata, markup and code; and the program
of a Space."""

import re

TEXT_LETTERS_MAX = 40_000
APP_LETTERS_MAX = 20_000
_README_BYTES_MAX = 2**20

_METADATA = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n.*?^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_HTML = re.compile(r"<!--.*?-->|<(?:script|style)\b.*?</(?:script|style)>|</?[A-Za-z][^<>]{0,500}>", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]\n]{0,300})\]\([^()\n]{0,500}\)")
_LINK = re.compile(r"\[([^\]\n]{0,300})\]\([^()\n]{0,500}\)")
_EMPHASIS = re.compile(r"[*`~]+|\b__?(?=\w)|(?<=\w)__?\b")
_MARKS = re.compile(r"^\s*(?:#+|>+|[-+]\s)|\||https?://\S+", re.MULTILINE)
_BLANKS = re.compile(r"\s+")


def of_readme(readme: bytes) -> str:
    """Only the beginning of a long one."""
    text = readme[:_README_BYTES_MAX].decode("utf-8", "replace")
    text = _METADATA.sub("", text, count=1)[: 2 * TEXT_LETTERS_MAX]
    text = _CODE.sub(" ", text)
    text = _HTML.sub(" ", text)
    text = _IMAGE.sub(r"\1", text)
    text = _LINK.sub(r"\1", text)
    text = _MARKS.sub(" ", _EMPHASIS.sub("", text))
    return _BLANKS.sub(" ", text).strip()[:TEXT_LETTERS_MAX]


def of_app(source: bytes) -> str:
    """The words of a program, of a page without its tags. Only the beginning of a long one."""
    text = _HTML.sub(" ", source[:_README_BYTES_MAX].decode("utf-8", "replace")[: 4 * APP_LETTERS_MAX])
    return _BLANKS.sub(" ", text).strip()[:APP_LETTERS_MAX]
