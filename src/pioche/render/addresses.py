"""What an address in somebody's text means here: a place in this repo, on this host, elsewhere, or nothing."""

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from pioche.render.allowlist import ID_PREFIX
from pioche.render.jobs import Links

# Browsers drop these before they look at the scheme, so we do as well.
_IGNORED = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PUBLIC_HUB = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)(/[^?#]*)?", re.IGNORECASE)
_PATH_SAFE = "/~!$&'()*+,;=:@%-._"


@dataclass(frozen=True, slots=True)
class Target:
    """`address` is safe to put into `href`; `is_here`: it stays on this host."""

    address: str
    is_here: bool


def link(text: str, links: Links) -> Target | None:
    """Where a link leads; None for schemes that are not for links (`javascript:`, `data:`, `file:` ...)."""
    return _resolve(text, links, view="blob")


def media(text: str, links: Links) -> Target | None:
    """As `link`, for a picture or film: the bytes of a file rather than its page."""
    text = _IGNORED.sub("", text).strip()
    if text[:11].lower() == "data:image/":
        return Target(text, is_here=True)
    found = _resolve(text, links, view="resolve")
    if found is not None and found.is_here:
        return Target(_as_bytes(found.address, links.repo), is_here=True)
    return found


def _resolve(text: str, links: Links, *, view: str) -> Target | None:
    text = _IGNORED.sub("", text).strip().replace("\\", "/")
    if text.startswith("#"):
        return Target("#" + anchor(unquote(text[1:])), is_here=True)
    if text.startswith("//"):
        text = "https:" + text
    scheme = _SCHEME.match(text)
    if scheme is None:
        return Target(text if text.startswith("/") else _in_repo(text, links, view), is_here=True)
    if scheme[1].lower() not in ("http", "https", "mailto"):
        return None
    own = _own_path(text, links)
    return Target(own, is_here=True) if own is not None else Target(text.replace(" ", "%20"), is_here=False)


def _own_path(text: str, links: Links) -> str | None:
    """The path, when an absolute address leads to this hub, or to this very repo on the public one."""
    if links.host and (text == links.host or text.startswith((links.host + "/", links.host + "?", links.host + "#"))):
        rest = text[len(links.host) :].lstrip("/")
        return "/" + rest
    public = _PUBLIC_HUB.match(text)
    path = public[1] if public else None
    if path and path.startswith(links.repo + "/"):
        return path + text[public.end() :] if public else None
    return None


def _in_repo(text: str, links: Links, view: str) -> str:
    """A relative address from the folder of the file; it cannot climb out of the repo."""
    parts = urlsplit(text)
    folder = posixpath.dirname("/" + links.path)
    path = posixpath.normpath(posixpath.join(folder, unquote(parts.path)))
    path = "/" + path.lstrip("/")
    if parts.path.endswith("/") or path == "/":
        view = "tree"
    query = f"?{quote(parts.query, safe='=&%+,/:;@-._~')}" if parts.query else ""
    fragment = f"#{quote(parts.fragment, safe='=&%+,/:;@-._~')}" if parts.fragment else ""
    return f"{links.repo}/{view}/{links.revision}{quote(path.rstrip('/'), safe='/~!$&()*+,;=:@-._')}{query}{fragment}"


def _as_bytes(address: str, repo: str) -> str:
    """The page of a file shows no picture; its bytes do."""
    for view in ("/blob/", "/raw/"):
        if address.startswith(repo + view):
            return repo + "/resolve/" + address[len(repo + view) :]
    return address


def anchor(name: str) -> str:
    """An id of ours, for a name of theirs."""
    return ID_PREFIX + (re.sub(r"[^\w.:-]+", "-", name)[:120] or "-")
