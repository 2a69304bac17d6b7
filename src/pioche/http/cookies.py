"""Cookies, above all the session's (architecture.md section 7).

On https the session's name begins with `__Host-`: browsers then take it from this very host alone, over https, for no
domain; on plain http there is no such promise, and pages say so. The port is part of the name, since cookies do not know
ports: two hubs on one machine must not sign each other's people out.
"""

import re
from urllib.parse import urlsplit

from pioche.http.messages import Request

Header = tuple[str, str]

MARK = b"pioche_session"
"""In the name of every session's cookie: requests without it are not looked at further."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def session_secret(request: Request) -> str | None:
    """What the session's cookie holds; None without one."""
    return named(request, session_name(request.base_url))


def named(request: Request, name: str) -> str | None:
    """The value of a cookie, the first one of this name; None without it."""
    # Browsers send one header; HTTP/2 may send several, which were joined with a comma.
    for part in re.split(r"[;,]", request.headers.get("cookie", "")):
        key, equals, value = part.strip().partition("=")
        if equals and key == name:
            return value
    return None


def is_secret(text: str) -> bool:
    """Whether this can be what a session's cookie holds."""
    return _SECRET.match(text) is not None


def session_name(base_url: str) -> str:
    address = urlsplit(base_url)
    name = MARK.decode() + (f"_{address.port}" if address.port else "")
    return f"__Host-{name}" if address.scheme == "https" else name


def keep_session(base_url: str, secret: str, *, seconds: int | None) -> Header:
    """`seconds` None: until the browser is closed."""
    life = "" if seconds is None else f"; Max-Age={seconds}"
    return "Set-Cookie", f"{session_name(base_url)}={secret}; Path=/; HttpOnly; SameSite=Lax{_secure(base_url)}{life}"


def drop_session(base_url: str) -> Header:
    return "Set-Cookie", f"{session_name(base_url)}=; Path=/; HttpOnly; SameSite=Lax{_secure(base_url)}; Max-Age=0"


def _secure(base_url: str) -> str:
    return "; Secure" if base_url.startswith("https:") else ""
