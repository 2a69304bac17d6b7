"""What the text of a README tells, without rendering it: its first sentences, headings, code, citation and papers."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_READ_BYTES_MAX = 256 * 1024
_LINES_MAX = 5_000
_SUMMARY_CHARACTERS = 280
_SHORT = 40
_HEADING_MARK = "#"
_HEADINGS_MAX = 100
_ARXIV_MAX = 20
_CITATION_CHARACTERS_MAX = 4_000

# Each works on one line of at most 2,000 characters, without nested repetition: D-RE.
_LINE_MAX = 2_000
_ARXIV = re.compile(r"arxiv(?:\.org/(?:abs|pdf|html)/|:\s?)(\d{4}\.\d{4,5})", re.IGNORECASE)
_PAPER_PAGE = re.compile(r"/papers/(\d{4}\.\d{4,5})\b")
_HTML = re.compile(r"<[^<>]{0,1000}>")
_IMAGE = re.compile(r"!\[[^\[\]]{0,500}\]\([^()]{0,1000}\)")
_LINK = re.compile(r"\[([^\[\]]{0,500})\]\([^()]{0,1000}\)")
_MARKS = re.compile(r"[*_`]{1,3}")
_HEADING = re.compile(r"#{1,6}\s+(\S.{0,200})")


class Body(NamedTuple):
    """In the order of the fields of `observation.Readme`. `summary` is plain text; `words` counts prose only."""

    summary: str
    citation: str
    words: int
    has_code: bool
    headings: list[str]
    arxiv: list[str]


def read(data: bytes) -> Body:
    """Never raises. Only the beginning is looked at: this is done while a commit waits."""
    text = data[:_READ_BYTES_MAX].decode("utf-8", "replace")
    lines = [line[:_LINE_MAX] for line in _body(text).splitlines()[:_LINES_MAX]]
    prose, code = _parted(lines)
    plain = [_HEADING_MARK if line.startswith("#") else _plain(line) for line in prose if not _is_decoration(line)]
    headings = [_plain(found[1]) for line in prose if (found := _HEADING.match(line)) is not None]
    return Body(
        _summary(plain),
        next((block for block in code if block.lstrip().startswith("@")), "")[:_CITATION_CHARACTERS_MAX],
        sum(len(line.split()) for line in plain if line != _HEADING_MARK),
        any(not block.lstrip().startswith("@") for block in code),
        headings[:_HEADINGS_MAX],
        list(dict.fromkeys(_papers(lines)))[:_ARXIV_MAX],
    )


def _body(text: str) -> str:
    """What follows the metadata."""
    text = text.removeprefix("\ufeff").lstrip()
    if not text.startswith("---"):
        return text
    end = text.find("\n---", 3)
    return text[text.find("\n", end + 1) + 1 :] if end >= 0 and "\n" in text[end + 1 :] else ""


def _parted(lines: list[str]) -> tuple[list[str], list[str]]:
    """Lines of prose, and the fenced blocks of code."""
    prose, code = list[str](), list[str]()
    block: list[str] | None = None
    for line in lines:
        if line.lstrip().startswith(("```", "~~~")):
            if block is not None:
                code.append("\n".join(block))
            block = [] if block is None else None
        elif block is None:
            prose.append(line)
        else:
            block.append(line)
    return prose, code


def _is_decoration(line: str) -> bool:
    """Tables, comments, quotes and rules."""
    return line.lstrip().startswith(("|", "<!--", ">", "---", "==="))


def _plain(line: str) -> str:
    line = _LINK.sub(r"\1", _IMAGE.sub("", line))
    return " ".join(_MARKS.sub("", _HTML.sub(" ", line)).split())


def _summary(lines: list[str]) -> str:
    """The first sentences that say something, up to the next heading or a length, cut at a word."""
    text = ""
    for line in lines:
        if line == _HEADING_MARK or not line.lstrip("-+ ").strip():
            if len(text) >= (_SHORT if line == _HEADING_MARK else _SUMMARY_CHARACTERS // 2):
                break
        elif text or len(line) >= _SHORT // 2:
            text = f"{text} {line}" if text else line
        if len(text) > _SUMMARY_CHARACTERS:
            return text[:_SUMMARY_CHARACTERS].rpartition(" ")[0] + "…"
    return text


def _papers(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if "arxiv" in line or "arXiv" in line or "/papers/" in line:
            yield from _ARXIV.findall(line)
            yield from _PAPER_PAGE.findall(line)
