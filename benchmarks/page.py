"""docs/reference/performance.md: each command that writes to it has a part of its own, and leaves the others'."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "performance.md"

_TITLE = "# Performance\n"
_PARTS = ("bench", "torture")
"""By the targets of make, in the order of the page."""
_MARK = re.compile(r"^<!-- Made by `make (\w+) ARGS=--write`\. -->\n", re.MULTILINE)


def write(part: str, text: str, page: Path = PAGE) -> None:
    """Puts `text` where the part was."""
    known = parts(page.read_text()) if page.exists() else {}
    known[part] = text
    written = [
        f"<!-- Made by `make {name} ARGS=--write`. -->\n\n{known[name].strip()}\n" for name in _PARTS if name in known
    ]
    page.write_text("\n".join([_TITLE, *written]))


def parts(text: str) -> dict[str, str]:
    """The texts by the targets that made them."""
    pieces = _MARK.split(text)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))
