"""Pages opened in Chromium, guarded: see conftest.py."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.hub import Account, Hub


@dataclass
class Guard:
    """What must not happen on any page, collected."""

    host: str
    faults: list[str] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)
    """Addresses whose answer is an error, as the test said."""
    loses_network: bool = False
    """The test takes the network away: that requests fail for this is no fault."""
    apps: str = ""
    """What hosts of apps of Spaces end with: they are asked as well, and say what they like."""

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"error in a script: {error.error}"))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if "/v1/chunks/" in message.location["url"] and "404" in message.text:
            return  # Xet's way of saying that nobody has sent this chunk before
        if self.loses_network and ("ERR_INTERNET_DISCONNECTED" in message.text or "ERR_FAILED" in message.text):
            return
        # The library warns of a cache that browsers deny to frames of other sites, and does without.
        if self.apps and "/download/transformers/" in message.location["url"]:
            return
        if self._is_app(urlsplit(message.location["url"]).netloc):
            return
        if message.type in ("error", "warning") and message.location["url"] not in self.expected:
            self.faults.append(f"console {message.type}: {message.text} ({message.location['url']})")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self.host and not self._is_app(parts.netloc):
            self.faults.append(f"request to another host: {request.url}")

    def _is_app(self, host: str) -> bool:
        return bool(self.apps) and host.endswith(self.apps)


class Visits:
    """Opens pages; each in a browser profile of its own, so that no cookie stays."""

    def __init__(self, browser: Browser, hub: Hub) -> None:
        self.endpoint = hub.endpoint
        self.guard = Guard(urlsplit(hub.endpoint).netloc)
        self._browser = browser
        self._contexts = list[BrowserContext]()

    def __call__(
        self,
        path: str,
        *,
        status: int = 200,
        lang: str = "en",
        theme: str = "light",
        width: int = 1280,
        who: Account | None = None,
        session: str = "",
        scripts: bool = True,
        **options: Any,
    ) -> Page:
        """The page at `path`, loaded, for the token of `who` or signed in with the cookie `session`; `options` are those of
        Playwright's `new_context`."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 800},
            locale=lang,
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=scripts,
            extra_http_headers=who.bearer if who else {},
            base_url=self.endpoint,
            **options,
        )
        context.set_default_timeout(10_000)
        self._contexts.append(context)
        if session:
            name, _, value = session.partition("=")
            context.add_cookies([{"name": name, "value": value, "url": self.endpoint}])
        self.guard.watch(context)
        page = context.new_page()
        if status >= 400:
            self.guard.expected.add(self.endpoint + path)
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status} instead of {status}"
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        assert not self.guard.faults, "\n".join(self.guard.faults)
