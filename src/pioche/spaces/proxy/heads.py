"""The heads of HTTP/1.1 requests and answers (RFC 9112), as far as a proxy looks at them, and what it changes in them.

A connection carries one request: both sides are told `Connection: close`, so that bodies of every kind pass through unread, and
nothing that follows is taken for another request.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

BYTES_MAX = 64 * 1024
_HEADERS_MAX = 200
_OF_CONNECTION = frozenset(("connection", "keep-alive", "proxy-connection", "proxy-authorization", "te"))
_FORWARDED = frozenset(("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-prefix", "forwarded"))
_TOKENS = frozenset(("x-hf-authorization",))
_OF_HUB = "pioche_session"
"""In the names of the hub's cookies (http.cookies): no app reads or writes one."""
_SIGN = "__sign="
_TOKEN_PREFIX = "hf_"  # noqa: S105 - what tokens of a hub begin with

Headers = tuple[tuple[str, str], ...]


class BadHead(Exception):
    """It is none."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: Headers

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def upgrades(self) -> bool:
        return "upgrade" in self.header("connection").lower() and bool(self.header("upgrade"))

    @property
    def wants_page(self) -> bool:
        """Whether a person waits for it in a browser."""
        return self.method == "GET" and "text/html" in self.header("accept")

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    reason: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class Mask:
    """What is changed on the way. `prefix` is where the app seems to be; empty at the root of its own host. `extra` are headers
    that every answer gets, in place of the app's own of these names."""

    prefix: str
    host: str
    scheme: str
    client: str
    extra: Headers = ()


def read_request(head: bytes) -> Request:
    """Raises BadHead."""
    first, headers = _split(head)
    method, _, rest = first.partition(" ")
    target, _, protocol = rest.partition(" ")
    if (
        not (method.isascii() and method.isalpha())
        or not target.startswith("/")
        or protocol not in ("HTTP/1.1", "HTTP/1.0")
    ):
        raise BadHead
    return Request(method, target, headers)


def read_answer(head: bytes) -> Answer:
    """Raises BadHead."""
    first, headers = _split(head)
    protocol, _, rest = first.partition(" ")
    status, _, reason = rest.partition(" ")
    if protocol not in ("HTTP/1.1", "HTTP/1.0") or not (status.isascii() and status.isdigit()):
        raise BadHead
    return Answer(int(status), reason, headers)


def without_query(request: Request, name: str) -> tuple[Request, str]:
    """The same without a field of its query, and that field's value."""
    if f"{name}=" not in request.query:
        return request, ""
    fields = parse_qsl(request.query, keep_blank_values=True)
    value = next((value for key, value in fields if key == name), "")
    rest = urlencode([field for field in fields if field[0] != name])
    return replace(request, target=request.path + (f"?{rest}" if rest else "")), value


def without_header(request: Request, name: str) -> Request:
    return replace(request, headers=tuple(header for header in request.headers if header[0].lower() != name))


def comes_from(request: Request, host: str, *, is_opaque: bool) -> bool:
    """Whether a WebSocket is opened by a page of the app itself, or by no browser (RFC 6455, 10.2). Pages of an opaque origin say
    `null`, and so do those of others: that is for apps that everybody may see."""
    origin = request.header("origin")
    return not origin or origin.partition("://")[2] == host or (is_opaque and origin == "null")


def for_app(request: Request, mask: Mask, own_cookies: Collection[str]) -> bytes:
    """What the app is sent: nobody's token, none of the hub's cookies, and where it is seen from. `own_cookies` are the proxy's."""
    target = request.target
    if mask.prefix and (target == mask.prefix or target.startswith((f"{mask.prefix}/", f"{mask.prefix}?"))):
        target = target[len(mask.prefix) :]
        target = target if target.startswith("/") else f"/{target}"
    kept = [
        (name, value)
        for name, value in request.headers
        if name.lower() not in _OF_CONNECTION | _FORWARDED | _TOKENS | {"cookie", "upgrade"}
        and not (name.lower() == "authorization" and _is_token(value))
        and not (name.lower() == "referer" and _SIGN in value)
    ]
    if cookies := _cookies(request, own_cookies):
        kept.append(("Cookie", cookies))
    kept += [
        ("X-Forwarded-For", mask.client),
        ("X-Forwarded-Proto", mask.scheme),
        ("X-Forwarded-Host", mask.host),
        *([("X-Forwarded-Prefix", mask.prefix)] if mask.prefix else []),
    ]
    if request.upgrades:
        kept += [("Connection", "Upgrade"), ("Upgrade", request.header("upgrade"))]
    else:
        kept.append(("Connection", "close"))
    return _joined(f"{request.method} {target} HTTP/1.1", kept)


def for_client(answer: Answer, mask: Mask) -> bytes:
    """What the client is sent: cookies for this app alone, and redirects to where it is seen."""
    ours = {name.lower() for name, _ in mask.extra}
    kept = list[tuple[str, str]]()
    for name, value in answer.headers:
        match name.lower():
            case "set-cookie":
                if cookie := _confined(value, mask.prefix):
                    kept.append((name, cookie))
            case "location" if (
                mask.prefix and value.startswith("/") and not value.startswith(("//", f"{mask.prefix}/"))
            ):
                kept.append((name, mask.prefix + value))
            case "connection" | "keep-alive" | "upgrade" if answer.status != 101:
                continue
            case lowered if lowered in ours:
                continue
            case _:
                kept.append((name, value))
    if answer.status >= 200:
        kept += [*mask.extra, ("Connection", "close")]
    return _joined(f"HTTP/1.1 {answer.status} {answer.reason}", kept)


def _split(head: bytes) -> tuple[str, Headers]:
    lines = head.decode("latin-1").split("\r\n")
    if len(lines) > _HEADERS_MAX:
        raise BadHead
    headers = list[tuple[str, str]]()
    for line in lines[1:]:
        if not line:
            continue
        name, colon, value = line.partition(":")
        # Folded lines, and names with spaces, are read in several ways by several servers.
        if not colon or not name or name != name.strip() or any(character <= " " for character in name):
            raise BadHead
        headers.append((name, value.strip()))
    return lines[0], tuple(headers)


def _joined(first: str, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def _is_token(value: str) -> bool:
    return value.partition(" ")[2].strip().startswith(_TOKEN_PREFIX)


def _cookies(request: Request, own: Collection[str]) -> str:
    found = [part.strip() for name, value in request.headers if name.lower() == "cookie" for part in value.split(";")]
    return "; ".join(
        part for part in found if part and _OF_HUB not in part.partition("=")[0] and part.partition("=")[0] not in own
    )


def _confined(cookie: str, prefix: str) -> str:
    """For the host that the app is seen on, and for the part of it that is its own; empty for one that an app may not set."""
    first, *attributes = (part.strip() for part in cookie.split(";"))
    if _OF_HUB in first.partition("=")[0]:
        return ""
    kept = [
        part
        for part in attributes
        if part.partition("=")[0].strip().lower() not in ("domain", *(["path"] if prefix else []))
    ]
    if prefix:
        said = next((part.partition("=")[2].strip() for part in attributes if part.lower().startswith("path=")), "/")
        kept.append(f"Path={said if said.startswith(prefix) else prefix + (said if said.startswith('/') else '/')}")
    return "; ".join([first, *kept])
