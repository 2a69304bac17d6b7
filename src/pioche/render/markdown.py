"""Markdown as model cards use it: GitHub's tables, task lists, footnotes and alerts, mathematics, a part of HTML."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin
from rich.emoji import Emoji

from pioche.render import allowlist, callouts, highlighting, maths
from pioche.render.escaping import decode, escape
from pioche.render.jobs import Links, Mentions
from pioche.render.results import Markdown
from pioche.render.rewriting import CommentRewriter, Rewriter

_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\r?\n.*?(?:\r?\n)?^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_FRONT_MATTER_CHARACTERS_MAX = 128 * 1024
_CHECKBOX: Final = re.compile(r'<input class="task-list-item-checkbox"( checked="checked")?[^>]*>')
_BLOCK_CHARACTERS_MAX = 64 * 1024


def render(source: bytes, links: Links) -> Markdown:
    return render_text(without_metadata(decode(source)), links)


def render_text(text: str, links: Links) -> Markdown:
    return finish(_parser().render(text), links)


def comment(text: str, links: Links, mentions: Mentions) -> Markdown:
    """A comment: there are many on a page, so nothing in one has an id, and it speaks of people and of other discussions."""
    rewriter = CommentRewriter(links, mentions)
    rewriter.feed(allowlist.tidy(_parser().render(text)))
    rewriter.close()
    return Markdown(allowlist.clean(rewriter.html))


def finish(html: str, links: Links) -> Markdown:
    """Any HTML of a stranger's: cleaned so that it is well formed, rewritten, and cleaned last."""
    rewriter = Rewriter(links)
    rewriter.feed(allowlist.tidy(html))
    rewriter.close()
    return Markdown(allowlist.clean(rewriter.html), rewriter.headings)


def without_metadata(text: str) -> str:
    """The text after the metadata block, if it begins with one."""
    match = _FRONT_MATTER.match(text[:_FRONT_MATTER_CHARACTERS_MAX])
    return text[match.end() :] if match else text


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("gfm-like", {"html": True, "linkify": True, "highlight": _highlight})
    if parser.linkify is not None:
        parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False})
    parser.use(footnote_plugin).use(tasklists_plugin)
    maths.add_to(parser)
    callouts.add_to(parser)
    parser.core.ruler.push("alignment", _align)
    parser.add_render_rule("text", _text)
    parser.add_render_rule("html_inline", _html_inline)
    return parser


def _highlight(text: str, language: str, _: str) -> str:
    shown = highlighting.highlight_block(text, language) if len(text) <= _BLOCK_CHARACTERS_MAX else escape(text)
    kind = " md-mermaid" if language == "mermaid" else ""  # which scripts draw where they can
    return f'<pre class="md-code{kind}" tabindex="0"><code>{shown}</code></pre>'


def _align(state: StateCore) -> None:
    """The library aligns cells by `style`, which no policy lets through."""
    for token in state.tokens:
        style = token.attrs.pop("style", None) if token.type in ("th_open", "td_open") else None
        if isinstance(style, str):
            token.attrs["align"] = style.removeprefix("text-align:")


def _text(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    text = tokens[index].content
    return escape(Emoji.replace(text) if ":" in text else text)


def _html_inline(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """The boxes of task lists as characters: nothing can be typed or sent on a card."""
    return _CHECKBOX.sub(_box, tokens[index].content)


def _box(match: re.Match[str]) -> str:
    return '<span class="md-box md-box-done">☑</span>' if match[1] else '<span class="md-box">☐</span>'
