"""Every page goes through `page`: language, theme, who is asking, policies.

    return layout.page(request, "repo/tree.html", repo=..., entries=...)

A template extends `base.html` (blocks `title`, `description`, `head`, `main`, `scripts`) and takes its parts from
`components.html`. In every template there are `_`, `ngettext`, the filters of `i18n.formats` (`number`, `compact`, `size`,
`day`, `moment`, `relative`, `iso`), `asset("js/x.js")`, and `site`: a `Site`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

import pioche
from pioche.accounts.avatars import Avatars
from pioche.accounts.callers import Caller
from pioche.errors import BadRequest
from pioche.http import cookies
from pioche.http.messages import Headers, Request, Response
from pioche.i18n import formats, languages, texts, zones
from pioche.upkeep.announcing import Announcement
from pioche.web import assets, vocabulary

LANGUAGE_COOKIE: Final = "pioche-language"
THEME_COOKIE: Final = "pioche-theme"
VIEW_COOKIE: Final = "pioche-view"
READ_COOKIE: Final = "pioche-read"
"""The announcement that was dismissed in this browser."""
THEMES: Final = ("system", "light", "dark")
VIEWS: Final = ("full", "compact")
"""How much a list tells of each repo."""
_YEAR_SECONDS = 365 * 86_400

_ANNOUNCEMENT = re.compile(r"[0-9a-f]{12}\Z")
_LOOPBACK = re.compile(r"http://(?:[\w.-]+\.)?(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?\Z")
"""Where nobody listens in, which browsers trust as they do https."""

_POLICY = (
    "default-src 'none'; script-src 'self'{script}; style-src 'self'; img-src 'self' data: blob:{store}; "
    "media-src 'self' blob:{store}; font-src 'self'; connect-src 'self'{store}; worker-src 'self'; "
    "frame-src 'self'{frames}; manifest-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# `store`: files of repos may come from the object store, by a signed address that the hub redirects to.
_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the frame of a page shows, whatever the page."""

    language: str
    theme: str
    caller: Caller
    csrf: str
    """What forms send back in the field `csrf` (macro `csrf_field`); empty for who has no session."""
    address: str
    """`https://host`, for commands that readers copy."""
    is_insecure: bool
    path: str
    here: str
    """The path with its query: where to come back to."""
    query: dict[str, list[str]]
    assets_are_complete: bool
    import_map: str
    """The hashes of third-party modules (`assets.Assets.import_map`), as the one inline script that the policy allows."""
    request_id: str
    has_session: bool
    announcement: Announcement | None
    """What the administrators say, if it was not dismissed here."""
    may_create_orgs: bool
    serves_models: bool
    avatars: Avatars
    version: str = pioche.__version__

    def picture(self, name: str) -> str | None:
        """Where the picture of an account is, if it has one."""
        return self.avatars.picture(name)

    @property
    def languages(self) -> dict[str, str]:
        return languages.NAMES

    def in_language(self, code: str) -> str:
        """Where a link leads that shows this page in another language: for somebody who signed in it changes the account's."""
        if not self.has_session:
            return self.with_(lang=code)
        return f"/settings/language?{urlencode({'choose': code, 'next': self.here})}"

    def with_(self, **changes: str | None) -> str:
        """This address with other query parameters; None takes one away."""
        kept = [(name, value) for name, values in self.query.items() if name not in changes for value in values]
        added = [(name, value) for name, value in changes.items() if value is not None]
        query = urlencode([*kept, *added])
        return f"{self.path}?{query}" if query else self.path


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("pioche.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]  # by its i18n extension
    made.globals["ngettext"] = _counting(cast("Callable[..., str]", made.globals["ngettext"]))
    for name in ("number", "percent", "compact", "size", "parameters", "day", "moment", "relative", "iso"):
        made.filters[name] = getattr(formats, name)
    made.globals["script"] = assets.script
    made.globals["stylesheet"] = assets.stylesheet
    made.globals["asset"] = assets.url
    made.globals["task_name"] = vocabulary.task
    return made


def _counting(ngettext: Callable[..., str]) -> Callable[..., str]:
    """Jinja's own, with `%(num)s` written as the reader's language writes numbers."""

    @pass_context
    def counted(context: Context, singular: str, plural: str, number: int, /, **variables: object) -> str:
        return ngettext(context, singular, plural, number, **{"num": formats.number(number), **variables})

    return counted


_templates = _environment()


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Sequence[tuple[str, str]] = (),
    may_use_wasm: bool = False,
    frames: str = "",
    **values: object,
) -> Response:
    """A whole page. It shows who is asking, so that no cache may keep it, and going back asks again after signing out. `frames`
    is the origin of what is shown in a frame, which may ask for the camera and the microphone."""
    speak(request)
    text = _templates.get_template(template).render(site=site(request), **values)
    store = request.hub.store_origin
    script = f" {assets.load().import_map_source}" if assets.load().import_map else ""
    script += " 'wasm-unsafe-eval'" if may_use_wasm else ""
    policy = _POLICY.format(script=script, store=store and f" {store}", frames=frames and f" {frames}")
    permissions = _PERMISSIONS.replace("=()", f'=(self "{frames}")', 1).replace(
        "microphone=()", f'microphone=(self "{frames}")'
    )
    found: Headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Language", languages.spoken() if languages.spoken() in languages.NAMES else languages.DEFAULT),
        ("Content-Security-Policy", policy),
        ("Permissions-Policy", permissions if frames else _PERMISSIONS),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", "private, no-store" if not request.caller.is_anonymous else "private, no-cache"),
        ("Vary", "Accept-Language, Cookie, Authorization, Origin"),
        *headers,
    ]
    return Response(status, found, text.encode())


def render(template: str, **values: object) -> str:
    """A part of a page, for the cases where the page is put together elsewhere."""
    return _templates.get_template(template).render(**values)


def site(request: Request) -> Site:
    """Never raises, since pages of errors need it too: an address that we do not answer for shows as localhost."""
    raw_query = f"?{request.raw_query}" if request.raw_query else ""
    address = _address(request)
    return Site(
        language=language_of(request),
        theme=theme_of(request),
        caller=request.caller,
        csrf=request.csrf_token,
        address=address,
        is_insecure=address.startswith("http://") and not _LOOPBACK.match(address),
        path=request.raw_path,
        here=request.raw_path + raw_query,
        query=_query(request),
        assets_are_complete=assets.load().are_complete,
        import_map=assets.load().import_map,
        request_id=request.id,
        has_session=request.signed_in is not None,
        announcement=_announcement(request),
        may_create_orgs=request.caller.is_admin or request.hub.config.org_creation == "everyone",
        serves_models=request.hub.models.is_on,
        avatars=request.hub.avatars,
    )


def speak(request: Request) -> None:
    """From here on, texts are in the reader's language, and exact times by their clock."""
    languages.speak(language_of(request))
    zones.go_by(request.signed_in.time_zone if request.signed_in is not None else None)


def language_of(request: Request) -> str:
    """The account's setting, else what was chosen in this browser, else what the browser asks for (ui.md G3)."""
    chosen = request.signed_in.language if request.signed_in is not None else None
    if not languages.is_known(chosen):
        chosen = cookies.named(request, LANGUAGE_COOKIE)
    return languages.choose(chosen, request.headers.get("accept-language", ""))


def theme_of(request: Request) -> str:
    """What was chosen in this browser (signing in puts the account's setting there), else the account's setting."""
    chosen = cookies.named(request, THEME_COOKIE)
    if chosen not in THEMES and request.signed_in is not None:
        chosen = request.signed_in.theme
    return chosen if chosen in THEMES else THEMES[0]


def view_of(request: Request) -> str:
    found = cookies.named(request, VIEW_COOKIE)
    return found if found in VIEWS else VIEWS[0]


def remember_choice(request: Request) -> Response | None:
    """`?lang=fr`, `?theme=dark`, `?view=compact` on any page: kept in a cookie, then the same page without. None: no choice.

    A link does it, so that it works without JavaScript and on every page.
    """
    frame = site(request)
    language, theme, view = (frame.query.get(name, [""])[-1] for name in ("lang", "theme", "view"))
    chosen = choice_cookies(request, language, theme, view, frame.query.get("dismiss", [""])[-1])
    if request.method != "GET" or not chosen:
        return None
    back = frame.with_(lang=None, theme=None, view=None, dismiss=None)
    # A path that begins with two slashes would lead to another host.
    return Response(303, [("Location", "/" + back.lstrip("/")), ("Cache-Control", "no-store"), *chosen])


def choice_cookies(
    request: Request, language: str | None, theme: str | None, view: str | None = None, read: str | None = None
) -> Headers:
    """Keeps the choices that there are in this browser; `read`: the announcement that is dismissed."""
    chosen = [(LANGUAGE_COOKIE, language)] if languages.is_known(language) else []
    chosen += [(THEME_COOKIE, theme)] if theme in THEMES else []
    chosen += [(VIEW_COOKIE, view)] if view in VIEWS else []
    chosen += [(READ_COOKIE, read)] if read and _ANNOUNCEMENT.match(read) else []
    end = f"; Path=/; Max-Age={_YEAR_SECONDS}; SameSite=Lax"
    end += "; Secure" if _address(request).startswith("https://") else ""
    return [("Set-Cookie", f"{name}={value}{end}") for name, value in chosen]


def forget_language() -> tuple[str, str]:
    """The header that takes the choice back: the browser's own language counts again."""
    return "Set-Cookie", f"{LANGUAGE_COOKIE}=; Path=/; Max-Age=0; SameSite=Lax"


def _announcement(request: Request) -> Announcement | None:
    found = request.hub.announcements.now
    return None if found is None or cookies.named(request, READ_COOKIE) == found.id else found


def _address(request: Request) -> str:
    try:
        return request.base_url
    except BadRequest:
        return "http://localhost"


def _query(request: Request) -> dict[str, list[str]]:
    try:
        return request.query.lists
    except BadRequest:
        return {}
