"""Where somebody goes after signing in: an address of this hub, whatever a link says (scenario F-REDIR)."""

import re

_HERE = re.compile(
    r"/(?![/\\])[!-\[\]-~]{0,2000}\Z", re.ASCII
)  # printable, and no backslash: browsers read it as a slash
_NEVER = re.compile(r"/(?:login|logout|join)(?:[/?#]|\Z)")
HOME = "/"


def safe(asked: str | None) -> str:
    """`asked` if it is a path of ours that leads on, else the front page."""
    if asked is None or not _HERE.match(asked) or _NEVER.match(asked):
        return HOME
    return asked
