"""What programs write to terminals, as HTML: colours become classes, every other command is dropped."""

import re
from dataclasses import dataclass, field, replace

from pioche.render.escaping import escape_code

_COMMAND = re.compile(r"\x1b(?:\[([0-9;:]*)([A-Za-z@`~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_]|[()#%].)?")
_REWRITTEN = re.compile(r"[^\n]*\r(?!\n|\Z)")
_STYLES = {1: "bold", 2: "faint", 3: "italic", 4: "underline", 9: "strike"}
_ENDED = {22: ("bold", "faint"), 23: ("italic",), 24: ("underline",), 29: ("strike",)}


@dataclass(frozen=True, slots=True)
class _Pen:
    foreground: int | None = None
    background: int | None = None
    styles: frozenset[str] = field(default_factory=frozenset)

    @property
    def classes(self) -> str:
        names = [f"ansi-{style}" for style in sorted(self.styles)]
        if self.foreground is not None:
            names.append(f"ansi-fg{self.foreground}")
        if self.background is not None:
            names.append(f"ansi-bg{self.background}")
        return " ".join(names)


def as_html(text: str) -> str:
    """A line that was written over (progress bars) shows what was written last."""
    text = _REWRITTEN.sub("", text.replace("\r\n", "\n"))
    pen, start, parts = _Pen(), 0, list[str]()
    for command in _COMMAND.finditer(text):
        parts.append(_written(text[start : command.start()], pen))
        start = command.end()
        if command[2] == "m":
            pen = _after(pen, command[1])
    parts.append(_written(text[start:], pen))
    return "".join(parts)


def _written(text: str, pen: _Pen) -> str:
    shown = escape_code(text)
    return f'<span class="{pen.classes}">{shown}</span>' if shown and pen.classes else shown


def _after(pen: _Pen, codes: str) -> _Pen:
    """ECMA-48 section 8.3.117, and the 256 colours of xterm as far as the first sixteen."""
    numbers = [int(code) if code and len(code) < 4 else 0 for code in re.split("[;:]", codes)]
    while numbers:
        code = numbers.pop(0)
        if code in (38, 48):
            colour = numbers[1] if len(numbers) > 1 and numbers[0] == 5 and numbers[1] < 16 else None
            del numbers[: 2 if numbers[:1] == [5] else 4]
            pen = replace(pen, foreground=colour) if code == 38 else replace(pen, background=colour)
        else:
            pen = _with(pen, code)
    return pen


def _with(pen: _Pen, code: int) -> _Pen:
    if code == 0:
        return _Pen()
    if code in _STYLES:
        return replace(pen, styles=pen.styles | {_STYLES[code]})
    if code in _ENDED:
        return replace(pen, styles=pen.styles - set(_ENDED[code]))
    if 30 <= code <= 39 or 90 <= code <= 97:
        return replace(pen, foreground=None if code == 39 else code - 30 if code < 90 else code - 82)
    if 40 <= code <= 49 or 100 <= code <= 107:
        return replace(pen, background=None if code == 49 else code - 40 if code < 100 else code - 92)
    return pen
