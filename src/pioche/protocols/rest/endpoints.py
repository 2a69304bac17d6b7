"""Inference endpoints: what HfApi manages them by (serving.md 2.4), and the deployments and traffic that it has no words for.

Everything stands below /api/endpoints/v2, where the client's add-on leads it. What clients say of clouds and machines is kept
and given back: an endpoint runs on this hub's own machines, by this hub's own engines.
"""

import os
from typing import Any

import msgspec

from pioche.accounts.scopes import Permission
from pioche.errors import BadRequest
from pioche.http.dates import date
from pioche.http.messages import Request, Response, json_response
from pioche.http.routes import Needs, Route
from pioche.names import parse_account_name
from pioche.protocols.rest.shapes import Json
from pioche.serving.endpoints import export, finding, history
from pioche.serving.endpoints.changing import Change, Model, New, NoDeployment, Plan
from pioche.serving.endpoints.endpoint import (
    Audience,
    Deployment,
    Endpoint,
    Rollout,
    Scaling,
    Wanted,
    parse_guards,
    parse_steps,
)
from pioche.serving.endpoints.export import Format
from pioche.serving.external import address
from pioche.serving.external.address import Dialect, External

_EVENTS = 100
_EVENTS_MAX = 1000
_MINUTES = 60
_KEPT = ("provider", "compute", "tags", "cacheHttpResponses")
"""Of what clients send: given back as it came."""
_NO_STORE = [("Cache-Control", "no-store")]


class _Scaling(msgspec.Struct):
    minReplica: int | None = None
    maxReplica: int | None = None
    scaleToZeroTimeout: int | None = None
    measure: dict[str, float | None] | None = None


class _Compute(msgspec.Struct):
    scaling: _Scaling = msgspec.field(default_factory=_Scaling)


class _Model(msgspec.Struct):
    repository: str = ""
    revision: str | None = None
    task: str | None = None
    image: dict[str, Any] | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    env: dict[str, str] | None = None
    secrets: dict[str, str] | None = None

    def check(self) -> None:
        """Raises BadRequest for what only a container could be told."""
        if self.image and set(self.image) != {"huggingface"}:
            raise BadRequest('"model.image" is not offered: models run by this hub\'s own engines')
        for name in ("command", "args", "env", "secrets"):
            if getattr(self, name):
                raise BadRequest(f'"model.{name}" is not offered: models run by this hub\'s own engines, in a sandbox')


class _External(msgspec.Struct, forbid_unknown_fields=True):
    """A server outside. `token` is never shown again."""

    url: str
    model: str
    dialect: str = "openai"
    task: str = ""
    token: str = ""

    def chosen(self) -> Model:
        """Raises BadRequest."""
        wanted = address.Wanted(url=self.url, dialect=Dialect.parse(self.dialect), model=self.model, token=self.token)
        return Model(repo="", task=self.task, external=wanted)


class _Body(msgspec.Struct):
    name: str = ""
    type: str = ""
    external: _External | None = None
    compute: _Compute = msgspec.field(default_factory=_Compute)
    model: _Model | None = None
    route: dict[str, Any] | None = None
    privateService: dict[str, Any] | None = None

    def check(self) -> None:
        """Raises BadRequest."""
        if self.route:
            raise BadRequest('"route" is not offered: the address of an endpoint is its owner\'s name and its own')
        if self.privateService:
            raise BadRequest('"privateService" is not offered: there is no cloud here')
        if self.model is not None:
            self.model.check()


class _Rollout(msgspec.Struct, forbid_unknown_fields=True):
    """`steps` are percent; the others are the fields of `endpoint.Guards`."""

    steps: tuple[float, ...] = (1, 10, 50, 100)
    deployment: str = ""
    minRequests: int = 20
    holdSeconds: float = 60
    maxErrorRate: float = 0.05
    maxSlowdown: float = 2

    def plan(self) -> Plan:
        """Raises BadRequest."""
        guards = parse_guards(self.minRequests, self.holdSeconds, self.maxErrorRate, self.maxSlowdown)
        return Plan(steps=parse_steps(self.steps), guards=guards)


class _Deploy(msgspec.Struct, forbid_unknown_fields=True):
    repository: str = ""
    revision: str = "main"
    task: str = ""
    name: str = ""
    rollout: _Rollout | None = None
    external: _External | None = None


class _Traffic(msgspec.Struct, forbid_unknown_fields=True):
    weights: dict[str, float]
    mirrors: dict[str, float] = {}


# --- what HfApi asks for ---------------------------------------------------------------------------------------------


async def listing(request: Request) -> Response:
    """GET /api/endpoints/v2/endpoint/{owner}."""
    return await request.run(_listing, request)


def _listing(request: Request) -> Response:
    owner = request.hub.directory.get(parse_account_name(request.params["owner"]))
    found = finding.of_owner(request.hub.database, request.caller, owner.id, owner.name)
    return json_response({"items": [_shown(request, one) for one in found]}, headers=_NO_STORE)


async def get(request: Request) -> Response:
    """GET /api/endpoints/v2/endpoint/{owner}/{endpoint}."""
    return _answer(request, await request.run(_found, request))


async def create(request: Request) -> Response:
    """POST /api/endpoints/v2/endpoint/{owner}."""
    body, said = await request.json(_Body), await request.json(dict[str, Any])
    body.check()
    new = New(
        name=body.name.lower(),
        model=_model(body),
        audience=Audience.parse(body.type or Audience.AUTHENTICATED),
        scaling=_scaling(body.compute.scaling, Scaling()),
        described=_described(said),
    )
    return _answer(request, await request.run(_create, request, new), status=201)


def _model(body: _Body) -> Model:
    """Raises BadRequest."""
    if body.external is not None:
        if body.model is not None and body.model.repository:
            raise BadRequest('"external" takes the place of "model.repository": one of them is deployed')
        return body.external.chosen()
    if body.model is None or not body.model.repository:
        raise BadRequest('"model.repository" is needed: which model to deploy')
    return Model(repo=body.model.repository, revision=body.model.revision or "main", task=body.model.task or "")


def _create(request: Request, new: New) -> Endpoint:
    owner = request.hub.directory.get(parse_account_name(request.params["owner"]))
    return request.hub.endpoints.create(request.caller, owner, new)


async def update(request: Request) -> Response:
    """PUT /api/endpoints/v2/endpoint/{owner}/{endpoint}: what is there of it. Another model takes all of the traffic as soon as
    it is ready, and not before."""
    body, said = await request.json(_Body), await request.json(dict[str, Any])
    body.check()
    if body.external is not None:
        raise BadRequest('"external" is deployed beside what there is: POST .../deployments')
    return _answer(request, await request.run(_update, request, body, _described(said)))


def _update(request: Request, body: _Body, described: Json) -> Endpoint:
    caller, name, changing = request.caller, _name(request), request.hub.endpoints
    found = finding.get(request.hub.database, caller, *name)
    scaling = _scaling(body.compute.scaling, found.scaling)
    change = Change(
        audience=Audience.parse(body.type) if body.type else None,
        scaling=scaling if scaling != found.scaling else None,
        described=described or None,
    )
    if change != Change():
        found = changing.change(caller, *name, change)
    model = body.model
    if model is not None and (model.repository or model.revision):
        repo = model.repository or found.stable.repo
        wanted = Model(repo=repo, revision=model.revision or "main", task=model.task or "")
        found = changing.deploy(caller, *name, wanted, Plan())
    return found


async def delete(request: Request) -> Response:
    """DELETE /api/endpoints/v2/endpoint/{owner}/{endpoint}."""
    await request.run(request.hub.endpoints.delete, request.caller, *_name(request))
    return json_response({})


async def pause(request: Request) -> Response:
    """POST .../pause."""
    return await _want(request, Wanted.PAUSED)


async def resume(request: Request) -> Response:
    """POST .../resume."""
    found = await request.run(_found, request)
    if found.wanted is Wanted.RUNNING:
        raise BadRequest("This endpoint is already running")  # the client's words for it
    return await _want(request, Wanted.RUNNING)


async def scale_to_zero(request: Request) -> Response:
    """POST .../scale-to-zero."""
    return await _want(request, Wanted.SLEEPING)


async def _want(request: Request, wanted: Wanted) -> Response:
    changing = request.hub.endpoints
    return _answer(request, await request.run(changing.set_wanted, request.caller, *_name(request), wanted))


async def hardware(request: Request) -> Response:
    """GET /api/endpoints/v2/provider/{owner}: this machine."""
    config = request.hub.config
    compute = {
        "id": "pioche-local-cpu",
        "accelerator": "cpu",
        "instanceType": "local",
        "instanceSize": "x1",
        "architecture": os.uname().machine,
        "numAccelerators": config.inference_cores,
        "numCpus": config.inference_cores,
        "memoryGb": round(config.inference_memory / 2**30, 1),
        "gpuMemoryGb": None,
        "pricePerHour": 0.0,
        "status": "available" if config.inference != "off" else "not_available",
        "quota": {"maxAccelerators": 64, "usedAccelerators": 0},
    }
    region = {"name": "local", "label": "local", "status": "available", "computes": [compute]}
    return json_response({"vendors": [{"name": "pioche", "status": "available", "regions": [region]}]})


# --- deployments and traffic ------------------------------------------------------------------------------------------


async def deploy(request: Request) -> Response:
    """POST .../deployments: another one, without traffic or with a rollout."""
    asked = await request.json(_Deploy)
    return _answer(request, await request.run(_deploy, request, asked), status=201)


def _deploy(request: Request, asked: _Deploy) -> Endpoint:
    changing, name = request.hub.endpoints, _name(request)
    if asked.external is not None:
        if asked.repository:
            raise BadRequest('"external" takes the place of "repository": one of them is deployed')
        model = asked.external.chosen()
    else:
        repo = asked.repository or finding.get(request.hub.database, request.caller, *name).stable.repo
        model = Model(repo=repo, revision=asked.revision, task=asked.task)
    plan = asked.rollout.plan() if asked.rollout is not None else None
    return changing.deploy(request.caller, *name, model, plan, deployment=asked.name)


async def remove(request: Request) -> Response:
    """DELETE .../deployments/{deployment}: one without traffic."""
    changing, deployment = request.hub.endpoints, request.params["deployment"]
    return _answer(request, await request.run(changing.remove, request.caller, *_name(request), deployment))


async def traffic(request: Request) -> Response:
    """PUT .../traffic: percent by deployment, and of which requests are also sent to one whose answers nobody gets."""
    asked, changing = await request.json(_Traffic), request.hub.endpoints
    found = await request.run(
        changing.set_traffic, request.caller, *_name(request), asked.weights, asked.mirrors
    )  # fmt: skip
    return _answer(request, found)


async def rollout(request: Request) -> Response:
    """POST .../rollout: of a deployment that is there."""
    asked, changing = await request.json(_Rollout), request.hub.endpoints
    if not asked.deployment:
        raise BadRequest('"deployment" is needed: the name of the one that gets the traffic')
    plan = asked.plan()
    return _answer(
        request, await request.run(changing.roll_out, request.caller, *_name(request), asked.deployment, plan)
    )


async def promote(request: Request) -> Response:
    """POST .../promote: the rollout ends, with all of the traffic at the new deployment."""
    return _answer(request, await request.run(request.hub.endpoints.promote, request.caller, *_name(request)))


async def roll_back(request: Request) -> Response:
    """POST .../rollback: the rollout ends, and everything is as before."""
    return _answer(request, await request.run(request.hub.endpoints.roll_back, request.caller, *_name(request)))


async def events(request: Request) -> Response:
    """GET .../events?limit=&before=: what happened, the latest first."""
    return await request.run(_events, request)


def _events(request: Request) -> Response:
    limit = max(1, request.query.number("limit", default=_EVENTS, most=_EVENTS_MAX))
    before = request.query.number("before", default=0, most=2**62) or None
    rows = history.happened(request.hub.database, _found(request), limit=limit, before=before)
    items = [
        {
            "id": row.id,
            "at": date(row.at),
            "by": row.actor or None,
            "kind": row.kind,
            "deployment": row.deployment or None,
            "detail": row.detail,
        }
        for row in rows
    ]
    return json_response({"items": items}, headers=_NO_STORE)


async def metrics(request: Request) -> Response:
    """GET .../metrics?minutes=: of each deployment, by the minute."""
    return await request.run(_metrics, request)


def _metrics(request: Request) -> Response:
    found = _found(request)
    count = max(1, request.query.number("minutes", default=_MINUTES, most=history.KEPT_MINUTES))
    minutes = history.minutes(request.hub.database, found, count)
    shown = {one.name: [_minute(minute) for minute in minutes[one.id]] for one in found.deployments}
    return json_response({"deployments": shown}, headers=_NO_STORE)


async def logs(request: Request) -> Response:
    """GET .../logs?deployment=&replica=: what the process of a deployment wrote on the machine that answers, as text."""
    found = await request.run(_found, request)
    name = request.query.get("deployment") or found.stable.name
    one = found.by_name(name)
    if one is None:
        raise NoDeployment(name)
    replica = request.query.number("replica", default=0, most=10_000)
    text = await request.hub.models.output(one.id, replica)
    return Response(200, [("Content-Type", "text/plain; charset=utf-8"), *_NO_STORE], text.encode())


async def exported(request: Request) -> Response:
    """GET .../export?format=kserve|ray: what `pioche deploy-export` prints, for another system to serve."""
    form = Format.parse(request.query.get("format") or Format.KSERVE)
    found = await request.run(_found, request)
    text = export.rendered(found, form, request.base_url)
    return Response(200, [("Content-Type", "application/yaml; charset=utf-8"), *_NO_STORE], text.encode())


# --- shapes -----------------------------------------------------------------------------------------------------------


def _name(request: Request) -> tuple[str, str]:
    return request.params["owner"], request.params["endpoint"]


def _found(request: Request) -> Endpoint:
    return finding.get(request.hub.database, request.caller, *_name(request))


def _answer(request: Request, found: Endpoint, *, status: int = 200) -> Response:
    return json_response(_shown(request, found), status=status, headers=_NO_STORE)


def _described(said: Json) -> Json:
    return {name: said[name] for name in _KEPT if name in said}


def _scaling(asked: _Scaling, before: Scaling) -> Scaling:
    """Raises BadRequest for a measure that is not offered."""
    load = before.load
    if asked.measure is not None:
        if set(asked.measure) != {"pendingRequests"}:
            raise BadRequest('"measure" has to be pendingRequests: what is measured here is requests')
        load = asked.measure["pendingRequests"]
    least = before.min_replicas if asked.minReplica is None else asked.minReplica
    most = before.max_replicas if asked.maxReplica is None else asked.maxReplica
    idle = before.idle_minutes if asked.scaleToZeroTimeout is None else asked.scaleToZeroTimeout
    return Scaling(min_replicas=least, max_replicas=most, idle_minutes=idle, load=load)


def _shown(request: Request, found: Endpoint) -> Json:
    stable = found.stable
    compute = found.described.get("compute")
    scaling = {
        "minReplica": found.scaling.min_replicas,
        "maxReplica": found.scaling.max_replicas,
        "scaleToZeroTimeout": found.scaling.idle_minutes,
        "measure": {"pendingRequests": found.scaling.load} if found.scaling.load else None,
    }
    return {
        "name": found.name,
        "type": found.audience,
        "provider": found.described.get("provider", {"vendor": "pioche", "region": "local"}),
        "compute": {**(compute if isinstance(compute, dict) else {"accelerator": "cpu"}), "scaling": scaling},
        "model": {
            "repository": stable.repo,
            "revision": stable.commit,
            "framework": "custom",
            "task": stable.task,
            "image": {"huggingface": {}},
        },
        "status": {
            "state": found.state,
            "message": found.outcome or stable.reason,
            "url": f"{request.base_url}/endpoints/{found.owner}/{found.name}",
            "createdAt": date(found.created_at),
            "updatedAt": date(found.updated_at),
            "readyReplica": stable.replicas,
            "targetReplica": found.scaling.min_replicas,
        },
        "healthRoute": "/health",
        "tags": found.described.get("tags", []),
        "deployments": [_deployment(one) for one in found.deployments],
        "rollout": _rollout_shown(found, found.rollout) if found.rollout is not None else None,
    }


def _deployment(one: Deployment) -> Json:
    return {
        "name": one.name,
        "repository": one.repo,
        "revision": one.revision,
        "commit": one.commit,
        "task": one.task,
        "weight": round(one.weight, 3),
        "mirror": round(one.mirror, 3),
        "state": next((place.state for place in one.places), "absent"),
        "reason": one.reason,
        "replicas": one.replicas,
        "createdAt": date(one.created_at),
        "external": _external(one.external) if one.external is not None else None,
    }


def _external(one: External) -> Json:
    """Replicas and scaling are the other server's own business: `replicas` is 1 while it answers."""
    return {"url": one.url, "dialect": one.dialect, "model": one.model, "hasToken": bool(one.locked)}


def _rollout_shown(found: Endpoint, going: Rollout) -> Json:
    new = found.by_id(going.deployment)
    return {
        "deployment": new.name if new is not None else "",
        "steps": list(going.steps),
        "step": going.step,
        "share": going.share,
        "since": date(going.since) if going.since else None,
        "guards": msgspec.to_builtins(going.guards),
    }


def _minute(minute: history.Minute) -> Json:
    tally = minute.tally
    return {
        "at": date(minute.at),
        "requests": tally.requests,
        "failures": tally.failures,
        "p50Ms": _rounded(tally.quantile(0.5)),
        "p95Ms": _rounded(tally.quantile(0.95)),
        "replicas": minute.replicas,
        "memoryBytes": minute.memory_bytes,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


_ALL = "/api/endpoints/v2/endpoint/{owner}"
_ONE = f"{_ALL}/{{endpoint}}"
_WRITE = Permission.ENDPOINTS_WRITE


def _change(method: str, pattern: str, handler: Any) -> Route:
    return Route(method, pattern, Needs.USER_WRITE, handler, scope=_WRITE)


ROUTES = (
    Route("GET", "/api/endpoints/v2/provider/{owner}", Needs.USER, hardware, scope=_WRITE),
    Route("GET", _ALL, Needs.USER, listing, scope=_WRITE),
    Route("GET", _ONE, Needs.USER, get, scope=_WRITE),
    Route("GET", f"{_ONE}/events", Needs.USER, events, scope=_WRITE),
    Route("GET", f"{_ONE}/metrics", Needs.USER, metrics, scope=_WRITE),
    Route("GET", f"{_ONE}/logs", Needs.USER, logs, scope=_WRITE),
    Route("GET", f"{_ONE}/export", Needs.USER, exported, scope=_WRITE),
    _change("POST", _ALL, create),
    _change("PUT", _ONE, update),
    _change("DELETE", _ONE, delete),
    _change("POST", f"{_ONE}/pause", pause),
    _change("POST", f"{_ONE}/resume", resume),
    _change("POST", f"{_ONE}/scale-to-zero", scale_to_zero),
    _change("POST", f"{_ONE}/deployments", deploy),
    _change("DELETE", f"{_ONE}/deployments/{{deployment}}", remove),
    _change("PUT", f"{_ONE}/traffic", traffic),
    _change("POST", f"{_ONE}/rollout", rollout),
    _change("POST", f"{_ONE}/promote", promote),
    _change("POST", f"{_ONE}/rollback", roll_back),
)
