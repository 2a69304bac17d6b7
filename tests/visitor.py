"""A person in a browser without scripts, over a client in this process: keeps cookies, follows redirects, sends forms.

ada = Visitor(local.client)
ada.sign_in("ada", "correct horse")
page = ada.get("/settings/profile")
ada.send(page, "/settings/profile", fullname="Ada")
"""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from tests.asgi import HOST, Answer, Client

PASSWORD = "correct horse"
_NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "accept": "text/html"}


class Visitor:
    """`origin` is what the browser's address bar shows: our own pages."""

    def __init__(self, client: Client, *, origin: str = f"http://{HOST}", agent: str = "Firefox/145.0 (Linux)") -> None:
        self.client = client
        self.origin = origin
        self.cookies: dict[str, str] = {}
        self.headers = {"user-agent": agent}

    def get(self, path: str, *, follow: bool = True, headers: dict[str, str] | None = None) -> Answer:
        """Types the address, or follows a link of the hub."""
        return self._ask("GET", path, {"sec-fetch-site": "same-origin", **_NAVIGATION, **(headers or {})}, b"", follow)

    def post(
        self, path: str, fields: dict[str, str], *, follow: bool = True, headers: dict[str, str] | None = None
    ) -> Answer:
        """As a form of the hub's own pages."""
        sent = {"origin": self.origin, "sec-fetch-site": "same-origin", **_NAVIGATION}
        sent["content-type"] = "application/x-www-form-urlencoded"
        return self._ask("POST", path, sent | (headers or {}), urlencode(fields).encode(), follow)

    def send(self, page: Answer, action: str, *, follow: bool = True, **fields: str) -> Answer:
        """Fills in the form of `page` that goes to `action`, and sends it."""
        found = forms(page.text)
        assert action in found, (action, sorted(found))
        return self.post(action, found[action] | fields, follow=follow)

    def sign_in(self, name: str, password: str = PASSWORD, **fields: Any) -> Answer:
        return self.send(self.get("/login"), "/login", username=name, password=password, **fields)

    @property
    def session(self) -> str | None:
        return next((value for name, value in self.cookies.items() if "pioche_session" in name), None)

    @property
    def csrf(self) -> str:
        """As a script reads it from the page."""
        found = re.search(r'<meta name="csrf-token" content="([^"]+)"', self.get("/").text)
        return found[1] if found else ""

    @property
    def cookie(self) -> dict[str, str]:
        """The header with all cookies."""
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes, follow: bool) -> Answer:
        sent = {**self.headers, **(self.cookie if self.cookies else {}), **headers}
        answer = self.client.request(method, path, headers=sent, body=body)
        for line in answer.all("set-cookie"):
            self._keep(line)
        if follow and answer.status in (301, 302, 303, 307):
            location = answer.headers["location"]
            assert location.startswith("/"), location
            return self.get(location.partition("#")[0])
        return answer

    def _keep(self, line: str) -> None:
        name, _, rest = line.partition("=")
        value, *attributes = [part.strip() for part in rest.split(";")]
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


def forms(html: str) -> dict[str, dict[str, str]]:
    """The forms of a page that post: by their address, the values that a browser would send as they are."""
    parser = _Forms()
    parser.feed(html)
    return parser.found


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        given = dict(attrs)
        if tag == "form" and given.get("method") == "post":
            self._fields = self.found.setdefault(given["action"], {})
        if self._fields is None:
            return
        name, kind = given.get("name"), given.get("type", "")
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in self._fields):
            self._fields[self._select] = given.get("value") or ""
        elif tag in ("input", "textarea") and name and (kind not in ("checkbox", "radio") or "checked" in given):
            self._fields[name] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._fields = None
        if tag == "select":
            self._select = None
