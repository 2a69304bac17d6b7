"""/spaces/ns/name/settings/app: how an app is run, for who manages the repo (ui.md P4)."""

from collections.abc import Callable

from pioche.errors import BadRequest, Conflict, NotFound
from pioche.http.messages import Query, Request, Response
from pioche.http.routes import Route
from pioche.repos.access import Action
from pioche.spaces import flavours
from pioche.web.forms import Form
from pioche.web.repo_settings import frame
from pioche.web.spaces import pages, wording

_FIELDS = ("hardware", "sleep", "name", "value", "description")


async def show(request: Request) -> Response:
    """GET /{repo}/settings/app."""
    pages.check(request)
    return await _page(request, Form())


async def change(request: Request) -> Response:
    """POST /{repo}/settings/app: the field `do` says what; `delete:NAME` and `unset:NAME` name a secret or a variable."""
    pages.check(request)
    sent = await request.form()
    what, _colon, name = (sent.get("do") or "").partition(":")
    doing = _DOING.get(what)
    if doing is None:
        raise BadRequest("There is no such button")
    form = Form.of(sent, *_FIELDS)
    try:
        await request.run(doing, request, sent, name)
    except (BadRequest, Conflict, NotFound) as error:
        form.error = error.message
        return await _page(request, form, status=422)
    await request.hub.app_controller.hurry()
    return frame.saved(request.repo.repo_id, what, "/app")


_Doing = Callable[[Request, Query, str], object]


def _restart(request: Request, _sent: Query, _name: str) -> None:
    request.hub.apps.restart(request.repo, request.caller.user_id)


def _rebuild(request: Request, _sent: Query, _name: str) -> None:
    request.hub.apps.restart(request.repo, request.caller.user_id, factory=True)


def _pause(request: Request, _sent: Query, _name: str) -> None:
    request.hub.apps.pause(request.repo, request.caller.user_id)


def _hardware(request: Request, sent: Query, _name: str) -> None:
    declared = flavours.declared(request.hub.config.spaces_hardware)
    found = flavours.named(declared, sent.get("hardware") or "")
    request.hub.apps.set_hardware(request.repo, request.caller.user_id, found.name)


def _sleep(request: Request, sent: Query, _name: str) -> None:
    text = sent.get("sleep") or ""
    if not text.removeprefix("-").isdecimal() or len(text) > 9:
        raise BadRequest("A number of seconds is expected")
    request.hub.apps.set_sleep(request.repo, request.caller.user_id, int(text))


def _set(*, is_secret: bool) -> _Doing:
    def change(request: Request, sent: Query, _name: str) -> None:
        request.hub.apps.set_value(
            request.repo,
            request.caller.user_id,
            (sent.get("name") or "").strip(),
            sent.get("value") or "",
            is_secret=is_secret,
            description=sent.get("description") or "",
        )

    return change


def _delete(*, is_secret: bool) -> _Doing:
    def change(request: Request, _sent: Query, name: str) -> None:
        request.hub.apps.delete_value(request.repo, request.caller.user_id, name, is_secret=is_secret)

    return change


_DOING: dict[str, _Doing] = {
    "restart": _restart,
    "rebuild": _rebuild,
    "pause": _pause,
    "hardware": _hardware,
    "sleep": _sleep,
    "variable": _set(is_secret=False),
    "secret": _set(is_secret=True),
    "unset": _delete(is_secret=False),
    "delete": _delete(is_secret=True),
}


async def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    hub, repo = request.hub, request.repo
    row = await request.run(hub.apps.get, repo.id)
    label, kind = wording.STAGES[row.stage]
    return await frame.page(
        request,
        "app",
        form,
        status=status,
        app=row,
        stage=label,
        stage_kind=kind,
        found=await request.run(hub.apps.values, repo.id),
        flavours=flavours.declared(hub.config.spaces_hardware),
        sleeps=wording.SLEEPS,
        sleep_seconds=hub.config.spaces_sleep_seconds if row.sleep_seconds is None else row.sleep_seconds,
        is_on=hub.app_hosts.is_on,
    )


_PAGE = "/{repo:web}/settings/app"

ROUTES = (
    Route("GET", _PAGE, Action.MANAGE, show),
    Route("POST", _PAGE, Action.MANAGE, change, frame.FORM_BYTES_MAX),
)
