"""What the APIs of inference share: which model is meant, how long to wait for it, and its answer on the way back."""

import contextlib
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from pioche.accounts.callers import Caller
from pioche.errors import BadRequest, EngineFailed, HubError, InvalidInput, RepoNotFound, Unauthenticated
from pioche.http import threads
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response
from pioche.http.sources import Piece
from pioche.names import RepoId, RepoType
from pioche.repos import revisions
from pioche.repos.access import Action, Repo
from pioche.serving.endpoints.traffic import Routed
from pioche.serving.engines import events
from pioche.serving.spec import Ask
from pioche.serving.targets import Target
from pioche.serving.wire import Answer

T = TypeVar("T")

_JSON = "application/json"
_AT = re.compile(r" - at `\$\.?(.*)`\Z")
_NO = ("false", "0")
_SESSION_CHARACTERS_MAX = 200
_ENDPOINT = "endpoint"
"""The part of an address that is an endpoint's name; its owner's is `owner`."""


async def opened(request: Request, name: str) -> tuple[Repo, str]:
    """The model that a body names, `org/name`, `org/name@revision` or `org/name:provider`, with its revision.

    Raises RepoNotFound, GatedRepo and what else opening may say.
    """
    model, _, revision = name.partition("@")
    return await open_model(request.hub, request.caller, model.partition(":")[0]), revision or "main"


async def open_model(hub: Hub, caller: Caller, name: str) -> Repo:
    """The model of this name, or what it is called today. Raises as `opened`."""
    namespace, slash, rest = name.partition("/")
    if not slash:
        raise RepoNotFound(anonymous=caller.is_anonymous)
    return await hub.access.open_wherever(caller, RepoId(RepoType.MODEL, namespace, rest), Action.CONTENT)


async def meant(request: Request, name: str) -> Target:
    """What the address names, where it names anything, else the model `name` of the body. Raises as `addressed`, and
    InvalidInput for no name."""
    if request.repo_or_none is not None or _ENDPOINT in request.params:
        return await addressed(request)
    if not name:
        raise InvalidInput("model", "the name of a model is needed: org/name")
    repo, revision = await opened(request, name)
    return await target(request, repo, revision)


async def addressed(request: Request) -> Target:
    """What the address names: a model, at the revision of the query, or an endpoint, whose deployment is chosen for this
    request.

    Raises as `target`, and of endpoints EndpointNotFound, BadRequest for one that is paused, NoDeployment.
    """
    if _ENDPOINT not in request.params:
        return await target(request, request.repo, request.query.get("revision") or "main")
    _check_name(request.hub, request.caller)
    traffic, headers = request.hub.traffic, request.headers
    endpoint = await traffic.find(request.caller, request.params["owner"], request.params[_ENDPOINT])
    session, forced = headers.get("x-session", ""), headers.get("x-deployment", "")
    return await traffic.route(endpoint, session=session[:_SESSION_CHARACTERS_MAX], forced=forced)


async def target(request: Request, repo: Repo, revision: str = "main") -> Target:
    """Raises Unauthenticated where nobody may ask without a name, NotServed, NotOffered, RevisionNotFound."""
    return await target_for(request.hub, request.caller, repo, revision)


async def target_for(hub: Hub, caller: Caller, repo: Repo, revision: str) -> Target:
    """As `target`."""
    _check_name(hub, caller)
    resolved = await revisions.resolve(repo, revision)
    targets = hub.models.targets
    known = targets.known(repo, resolved)
    return known if known is not None else await threads.run(targets.find, repo, resolved)


def _check_name(hub: Hub, caller: Caller) -> None:
    if hub.config.inference == "signed-in" and caller.is_anonymous:
        raise Unauthenticated("Models of this hub answer those who are signed in or send a token")


async def body(request: Request) -> bytes:
    """Raises TooLarge past the setting inference_body_bytes_max."""
    request.body_bytes_max = request.hub.config.inference_body_bytes_max
    return await request.body()


async def answer(request: Request, found: Target, ask: Ask) -> Answer:
    """Ends when the client leaves. Raises what `Gateway.ask` raises, and ClientLeft."""
    return await request.unless_left(counted(request.hub, request.caller, found, ask, _patience(request)))


async def counted(hub: Hub, caller: Caller, found: Target, ask: Ask, seconds: float | None) -> Answer:
    """What `Gateway.ask` or `Traffic.ask` does, in the numbers of who asks and of the model once it has ended."""
    began = time.perf_counter()

    def ended(*, has_failed: bool) -> None:
        took = time.perf_counter() - began
        hub.usage.record(found.repo, caller.user_id, has_failed=has_failed, seconds=took)

    try:
        if isinstance(found, Routed):
            answered = await hub.traffic.ask(found, ask, seconds=seconds)
        else:
            answered = await hub.models.ask(found, ask, seconds=seconds)
    except BaseException as error:
        ended(has_failed=isinstance(error, HubError))
        raise
    if answered.pieces is None:
        ended(has_failed=False)
    else:
        answered.pieces = _followed(answered.pieces, ended)
    return answered


class _Ended(Protocol):
    def __call__(self, *, has_failed: bool) -> None: ...


async def _followed(pieces: AsyncGenerator[bytes], ended: _Ended) -> AsyncGenerator[bytes]:
    has_failed = False
    try:
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                yield piece
    except HubError:
        has_failed = True
        raise
    finally:
        ended(has_failed=has_failed)


def respond(found: Target, task: str, answered: Answer) -> Response:
    """The answer to what was asked of `task`, as the worker gave it."""
    headers = [("Content-Type", answered.content_type or _JSON)]
    headers += answered.headers or [("X-Repo-Commit", found.spec.commit)]
    if answered.pieces is None:
        return Response(200, headers, answered.body)
    return Response(200, [*headers, ("Cache-Control", "no-store")], Stream(task, answered.pieces))


@dataclass(slots=True)
class Stream:
    """Server-sent events of a worker. One that breaks off says so in an event: the status is long out."""

    task: str
    events: AsyncGenerator[bytes]
    length: int | None = None

    async def pieces(self) -> AsyncIterator[Piece]:
        try:
            async with contextlib.aclosing(self.events):
                async for piece in self.events:
                    yield piece
        except HubError as error:
            yield events.failure(self.task, error.message)


def _patience(request: Request) -> float | None:
    """How long the client wants to wait for a model that has to be started: the Hub's two headers."""
    if request.headers.get("x-wait-for-model", "").lower() in _NO:
        return 0.0
    wanted = request.headers.get("x-scale-up-timeout", "")
    return float(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else None


def decoded(found: Answer) -> object:
    """What is in an answer that is JSON. Raises EngineFailed."""
    try:
        value: object = msgspec.json.decode(found.body)
    except msgspec.DecodeError:
        raise EngineFailed("The model's answer is not what its task gives") from None
    return value


def read(body: bytes, shape: type[T]) -> T:
    """A body of JSON. Raises BadRequest, InvalidInput, which names the field."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        at = _AT.search(str(error))
        raise InvalidInput(at[1] if at else "body", _AT.sub("", str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not valid JSON: {str(error)[:200]}") from None
