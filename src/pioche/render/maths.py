r"""Mathematics in markdown: `$$..$$` on lines of their own or in a line, `\\(..\\)` and `\\[..\\]` in a line.

A single `$` is a dollar. LaTeX becomes MathML, which browsers draw by themselves. The converter lets tags and addresses
through (reliability.md section 3), so what it gives is cleaned like everything else.
"""

from latex2mathml import exceptions
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from pioche.render.escaping import escape

_CHARACTERS_MAX = 4_000
_INLINE = (("$$", "$$"), ("\\\\(", "\\\\)"), ("\\\\[", "\\\\]"))
_UNREADABLE: tuple[type[Exception], ...] = (
    *(kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    RecursionError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)


def add_to(parser: MarkdownIt) -> None:
    parser.block.ruler.before("fence", "math_block", _block, {"alt": ["paragraph", "blockquote", "list"]})
    parser.inline.ruler.before("escape", "math_inline", _inline)
    parser.add_render_rule("math_block", _rendered_block)
    parser.add_render_rule("math_inline", _rendered_inline)


def as_html(latex: str, *, is_block: bool) -> str:
    """MathML, not yet clean; the source itself when nobody can read it."""
    try:
        if len(latex) > _CHARACTERS_MAX:
            raise ValueError
        html = convert(latex, display="block" if is_block else "inline")
    except _UNREADABLE:
        html = f'<code class="md-math-source">{escape(latex)}</code>'
    return f'<div class="md-math">{html}</div>' if is_block else html


def _inline(state: StateInline, silent: bool) -> bool:
    for opening, closing in _INLINE:
        if state.src.startswith(opening, state.pos):
            start = state.pos + len(opening)
            end = state.src.find(closing, start, min(state.posMax, start + _CHARACTERS_MAX))
            if end <= start or not state.src[start:end].strip():
                return False
            if not silent:
                token = state.push("math_inline", "math", 0)
                token.content = state.src[start:end]
                token.markup = opening
            state.pos = end + len(closing)
            return True
    return False


def _block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if not _line(state, start_line).startswith("$$") or state.is_code_block(start_line):
        return False
    first = _line(state, start_line)[2:]
    lines, line = [first], start_line
    is_closed = first.rstrip().endswith("$$") and len(first.strip()) > 2
    while not is_closed and line + 1 < end_line and state.sCount[line + 1] >= state.blkIndent:
        line += 1
        lines.append(_line(state, line))
        is_closed = lines[-1].rstrip().endswith("$$")
    if not is_closed or (len(lines) == 1 and "$$" in first.rstrip()[:-2]):
        return False
    if not silent:
        token = state.push("math_block", "math", 0)
        token.content = "\n".join(lines).rstrip().removesuffix("$$")
        token.map = [start_line, line + 1]
        state.line = line + 1
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _rendered_block(self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return as_html(tokens[index].content.strip(), is_block=True)


def _rendered_inline(self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    token = tokens[index]
    return as_html(token.content.strip(), is_block=token.markup != "\\\\(" and "\n" in token.content)
