"""What browsers see while an app comes, and where it does not come; programs get the same as JSON."""

import html

import msgspec

from pioche.i18n import languages
from pioche.i18n.texts import gettext
from pioche.i18n.texts import lazy as _
from pioche.spaces.proxy.heads import Headers, Request
from pioche.spaces.spec import Stage

_AGAIN_SECONDS = 2
_RETRY: Headers = (("Retry-After", "5"),)
_TEXTS: dict[Stage, str] = {
    Stage.BUILDING: _("This Space is being built …"),
    Stage.APP_STARTING: _("This Space is starting …"),
    Stage.SLEEPING: _("This Space wakes up …"),
    Stage.PAUSED: _("This Space was paused by its authors."),
    Stage.STOPPED: _("This Space is stopped."),
    Stage.NO_APP_FILE: _("This Space has no app yet."),
    Stage.CONFIG_ERROR: _("This Space’s configuration is wrong: its authors see why in its logs."),
    Stage.BUILD_ERROR: _("This Space could not be built: its authors see why in its logs."),
    Stage.RUNTIME_ERROR: _("This Space has failed: its authors see why in its logs."),
}
_ABSENT = _("There is no such Space, or it is private.")
_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{refresh}
<title>{text}</title><style>:root{{color-scheme:light dark;font-family:system-ui,sans-serif}}body{{display:grid;min-height:90vh;
place-items:center;margin:0}}p{{padding:1rem;text-align:center}}</style></head>
<body><main><p role="status">{text}</p></main></body></html>
"""


def of_stage(request: Request, stage: Stage, *, is_coming: bool) -> bytes:
    text = _TEXTS.get(stage, _TEXTS[Stage.APP_STARTING])
    status = "503 Service Unavailable" if not stage.failed else "502 Bad Gateway"
    return _answer(request, status, text, f"{stage.value}", _RETRY if is_coming else (), reloads=is_coming)


def absent(request: Request) -> bytes:
    return _answer(request, "404 Not Found", _ABSENT, "RepoNotFound", ())


def _answer(request: Request, status: str, text: str, code: str, headers: Headers, *, reloads: bool = False) -> bytes:
    languages.speak(languages.choose(None, request.header("accept-language")))
    said = gettext(text)
    if request.wants_page:
        refresh = f'<meta http-equiv="refresh" content="{_AGAIN_SECONDS}">' if reloads else ""
        page = _PAGE.format(language=languages.spoken(), refresh=refresh, text=html.escape(said))
        kind, body = "text/html; charset=utf-8", page.encode()
    else:
        kind, body = "application/json", msgspec.json.encode({"error": text, "stage": code})
    return framed(status, (*headers, ("Content-Type", kind), ("X-Error-Code", code)), body)


def framed(status: str, headers: Headers, body: bytes) -> bytes:
    """An answer that is whole."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    lines += [f"Content-Length: {len(body)}", "Cache-Control: no-store", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + body
