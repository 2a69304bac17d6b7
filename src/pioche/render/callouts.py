"""GitHub's alerts: a quotation that begins with `[!NOTE]`, `[!TIP]`, `[!IMPORTANT]`, `[!WARNING]` or `[!CAUTION]`."""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_MARK = re.compile(r"\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\][ \t]*(?:\n|\Z)", re.IGNORECASE)


def add_to(parser: MarkdownIt) -> None:
    parser.core.ruler.after("block", "callouts", _rule)


def _rule(state: StateCore) -> None:
    tokens = state.tokens
    for index in range(len(tokens) - 2):
        if tokens[index].type == "blockquote_open" and tokens[index + 1].type == "paragraph_open":
            inline = tokens[index + 2]
            mark = _MARK.match(inline.content)
            if mark:
                inline.content = inline.content[mark.end() :]
                _retag(tokens, index, mark[1].lower())


def _retag(tokens: list[Token], start: int, kind: str) -> None:
    opening = tokens[start]
    opening.tag = "div"
    opening.attrs = {"class": "md-note" if kind == "note" else f"md-note md-note-{kind}"}
    for token in tokens[start + 1 :]:
        if token.type == "blockquote_close" and token.level == opening.level:
            token.tag = "div"
            return
