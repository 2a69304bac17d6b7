"""How Spaces run: the calls by which clients see and change that (`huggingface_hub._space_api`, serving.md 2.5)."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import msgspec

from pioche.errors import BadRequest, NotFound
from pioche.http.dates import date
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response, json_response
from pioche.http.routes import Needs, Route
from pioche.http.sources import StreamSource
from pioche.names import RepoType
from pioche.protocols.rest.shapes import Json
from pioche.repos.access import Action, Repo
from pioche.spaces import flavours
from pioche.spaces import templates as templates_of
from pioche.spaces.apps import App, Value, check_value, checked_sleep
from pioche.spaces.flavours import Flavour
from pioche.spaces.messages import Kind
from pioche.spaces.templates import TEMPLATES

_NO_STORE = [("Cache-Control", "no-store")]
_TEMPLATES = "templates"
"""The owner of templates, in the names that clients have for them: no account may be called so."""
_POLL_SECONDS = 0.5
_SILENCE_SECONDS = 15.0
_LIFE_SECONDS = 3600.0
_MILLION = 1_000_000


class _Hardware(msgspec.Struct):
    flavor: str
    sleepTimeSeconds: int | None = None


class _Sleep(msgspec.Struct):
    seconds: int


class Given(msgspec.Struct):
    """A variable or a secret, as clients send it."""

    key: str
    value: str
    description: str | None = None


class _Key(msgspec.Struct):
    key: str


class Wishes(msgspec.Struct):
    """What may be said of a Space when it is made (`create_repo`, `duplicate_repo`)."""

    hardware: str | None = None
    sleepTimeSeconds: int | None = None
    secrets: list[Given] = []
    variables: list[Given] = []
    volumes: list[Json] = []
    template: str | None = None

    def check(self, hub: Hub) -> None:
        """Raises BadRequest, before anything is made."""
        if self.hardware is not None:
            flavours.named(_declared(hub), self.hardware)
        if self.sleepTimeSeconds is not None:
            checked_sleep(self.sleepTimeSeconds)
        for one in (*self.variables, *self.secrets):
            check_value(one.key, one.value, one.description or "")
        if both := {one.key for one in self.variables} & {one.key for one in self.secrets}:
            raise BadRequest(f"{min(both)} is a variable or a secret, not both")
        if self.template:
            templates_of.files(templates_of.named(template_of(self.template)), "")
        if self.volumes:
            raise BadRequest("Volumes of Spaces are not offered by this hub")

    def grant(self, hub: Hub, repo: Repo, actor: int) -> None:
        """For a thread."""
        if self.hardware is not None:
            hub.apps.set_hardware(repo, actor, self.hardware)
        if self.sleepTimeSeconds is not None:
            hub.apps.set_sleep(repo, actor, self.sleepTimeSeconds)
        for is_secret, values in ((False, self.variables), (True, self.secrets)):
            for one in values:
                hub.apps.set_value(repo, actor, one.key, one.value, is_secret=is_secret, description=one.description)


async def runtime(request: Request) -> Response:
    """GET /api/spaces/{repo}/runtime."""
    repo = _space(request)
    app = await request.run(request.hub.apps.get, repo.id)
    return json_response(shown(request.hub, app), headers=_NO_STORE)


async def set_hardware(request: Request) -> Response:
    """POST /api/spaces/{repo}/hardware."""
    body = await request.json(_Hardware)
    flavours.named(_declared(request.hub), body.flavor)
    return await _changed(request, request.hub.apps.set_hardware, body.flavor, body.sleepTimeSeconds)


async def set_sleep(request: Request) -> Response:
    """POST /api/spaces/{repo}/sleeptime."""
    body = await request.json(_Sleep)
    return await _changed(request, request.hub.apps.set_sleep, body.seconds)


async def pause(request: Request) -> Response:
    """POST /api/spaces/{repo}/pause."""
    return await _changed(request, request.hub.apps.pause)


async def restart(request: Request) -> Response:
    """POST /api/spaces/{repo}/restart?factory=true."""
    factory = (request.query.get("factory") or "").lower() in ("true", "1")
    return await _changed(request, partial(request.hub.apps.restart, factory=factory))


async def variables(request: Request) -> Response:
    """GET /api/spaces/{repo}/variables."""
    return await _values(request, is_secret=False)


async def secrets(request: Request) -> Response:
    """GET /api/spaces/{repo}/secrets: their names, never what they are."""
    return await _values(request, is_secret=True)


async def set_variable(request: Request) -> Response:
    """POST /api/spaces/{repo}/variables."""
    return await _set_value(request, is_secret=False)


async def set_secret(request: Request) -> Response:
    """POST /api/spaces/{repo}/secrets."""
    return await _set_value(request, is_secret=True)


async def delete_variable(request: Request) -> Response:
    """DELETE /api/spaces/{repo}/variables, with the key in the body."""
    return await _delete_value(request, is_secret=False)


async def delete_secret(request: Request) -> Response:
    """DELETE /api/spaces/{repo}/secrets, with the key in the body."""
    return await _delete_value(request, is_secret=True)


async def logs(request: Request) -> Response:
    """GET /api/spaces/{repo}/logs/{build,run}: server-sent events, what was kept first, then what comes."""
    repo = _space(request)
    try:
        kind = Kind(request.params["kind"])
    except ValueError:
        raise NotFound("A Space has the logs build and run") from None
    first = await request.hub.app_controller.read(repo.id, kind, 0)
    headers = [("Content-Type", "text/event-stream"), ("X-Accel-Buffering", "no"), *_NO_STORE]
    return Response(200, headers, StreamSource(_followed(request, repo, kind, first)))


async def hardware(request: Request) -> Response:
    """GET /api/spaces/hardware."""
    return json_response([described(one) for one in _declared(request.hub)])


async def templates(_request: Request) -> Response:
    """GET /api/spaces/templates."""
    rows = [
        {"name": one.title, "repoId": f"{_TEMPLATES}/{one.name}", "sdk": one.sdk, "preferredPrivate": False}
        for one in TEMPLATES
        if one.needs is None  # clients cannot say which model or dataset: the page /new-space can
    ]
    return json_response({"templates": rows})


def shown(hub: Hub, app: App) -> Json:
    """The runtime of an app, as clients read it."""
    first = _declared(hub)[0].name
    row: Json = {
        "stage": app.stage.value,
        "hardware": {"current": app.running_hardware or None, "requested": app.hardware or first},
        "storage": None,
        "gcTimeout": hub.config.spaces_sleep_seconds if app.sleep_seconds is None else app.sleep_seconds,
        "devMode": app.dev_mode,
        "replicas": {"current": int(app.stage.serves), "requested": 1},
    }
    if app.commit:
        row["sha"] = app.commit
    if app.reason:
        row["errorMessage"] = app.reason.partition("\n")[0]  # what the app said itself is for who may read its log
    return row


def described(flavour: Flavour) -> Json:
    """As `huggingface_hub.JobHardware` reads it."""
    return {
        "name": flavour.name,
        "prettyName": flavour.label,
        "cpu": f"{flavour.cores:g} vCPU",
        "ram": f"{flavour.memory_bytes / 2**30:g} GB",
        "accelerator": None,
        "unitCostMicroUSD": 0,
        "unitCostUSD": 0,
        "unitLabel": "minute",
    }


def template_of(text: str) -> str:
    """The name of a template out of what clients send for it."""
    return text.removeprefix(f"{_TEMPLATES}/")


# ---


def _declared(hub: Hub) -> tuple[Flavour, ...]:
    return flavours.declared(hub.config.spaces_hardware)


def _space(request: Request) -> Repo:
    if request.repo.repo_id.type is not RepoType.SPACE:
        raise BadRequest("Only Spaces run")
    return request.repo


async def _changed(request: Request, change: Callable[..., App], *arguments: object) -> Response:
    repo = _space(request)
    app = await request.run(change, repo, request.caller.user_id, *arguments)
    await request.hub.app_controller.hurry()
    return json_response(shown(request.hub, app), headers=_NO_STORE)


async def _values(request: Request, *, is_secret: bool) -> Response:
    repo = _space(request)
    found = await request.run(request.hub.apps.values, repo.id)
    rows = {one.name: _value(one) for one in found if one.is_secret == is_secret}
    return json_response(rows, headers=_NO_STORE)


async def _set_value(request: Request, *, is_secret: bool) -> Response:
    repo, body = _space(request), await request.json(Given)
    change = partial(request.hub.apps.set_value, is_secret=is_secret, description=body.description)
    await request.run(change, repo, request.caller.user_id, body.key, body.value)
    return await _values(request, is_secret=is_secret)


async def _delete_value(request: Request, *, is_secret: bool) -> Response:
    repo, body = _space(request), await request.json(_Key)
    change = partial(request.hub.apps.delete_value, is_secret=is_secret)
    await request.run(change, repo, request.caller.user_id, body.key)
    return await _values(request, is_secret=is_secret)


def _value(one: Value) -> Json:
    row: Json = {"updatedAt": date(one.updated_at), "description": one.description}
    return row if one.is_secret else {"value": one.value, **row}


async def _followed(
    request: Request, repo: Repo, kind: Kind, first: list[tuple[int, float, str]]
) -> AsyncIterator[bytes]:
    begun = heard = time.monotonic()
    lines, following = first, 0
    while time.monotonic() - begun < _LIFE_SECONDS and not request.hub.ending.is_set():
        for number, moment, text in lines:
            stamp = date(int(moment * 1000))
            yield b"data: " + msgspec.json.encode({"data": f"{text}\n", "timestamp": stamp}) + b"\n\n"
            following, heard = number + 1, time.monotonic()
        if time.monotonic() - heard > _SILENCE_SECONDS:
            heard = time.monotonic()
            yield b"data:\n\n"
        await asyncio.sleep(_POLL_SECONDS)
        lines = await request.hub.app_controller.read(repo.id, kind, following)


_ONE = "/api/{repo:api}"

ROUTES = (
    Route("GET", "/api/spaces/hardware", Needs.ANYONE, hardware),
    Route("GET", "/api/spaces/templates", Needs.ANYONE, templates),
    Route("GET", f"{_ONE}/runtime", Action.READ, runtime),
    Route("POST", f"{_ONE}/hardware", Action.WRITE, set_hardware),
    Route("POST", f"{_ONE}/sleeptime", Action.WRITE, set_sleep),
    Route("POST", f"{_ONE}/pause", Action.WRITE, pause),
    Route("POST", f"{_ONE}/restart", Action.WRITE, restart),
    Route("GET", f"{_ONE}/variables", Action.WRITE, variables),
    Route("POST", f"{_ONE}/variables", Action.WRITE, set_variable),
    Route("DELETE", f"{_ONE}/variables", Action.WRITE, delete_variable),
    Route("GET", f"{_ONE}/secrets", Action.WRITE, secrets),
    Route("POST", f"{_ONE}/secrets", Action.WRITE, set_secret),
    Route("DELETE", f"{_ONE}/secrets", Action.WRITE, delete_secret),
    Route("GET", f"{_ONE}/logs/{{kind}}", Action.WRITE, logs),
)
