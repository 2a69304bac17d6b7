"""Making endpoints, deploying to them, moving their traffic, ending them. Everything here is for worker threads.

A change of a person locks the endpoint; one of the hub itself (`advance`) counts only where nobody changed it meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import locking_key, now_ms
from pioche.errors import AlreadyExists, BadRequest, Conflict, Forbidden, NotFound
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import RepoId, RepoType
from pioche.repos import revisions
from pioche.repos.access import Access, Action
from pioche.serving.endpoints import finding, rights
from pioche.serving.endpoints.endpoint import (
    DEPLOYMENTS_MAX,
    Audience,
    Deployment,
    Endpoint,
    Guards,
    Rollout,
    Scaling,
    Wanted,
    parse_name,
    parse_steps,
)
from pioche.serving.external import address
from pioche.serving.external.address import External
from pioche.serving.external.outer import Outer
from pioche.serving.targets import Targets

_endpoints, _deployments, _events = schema.endpoints, schema.deployments, schema.endpoint_events
_ENDPOINTS_MAX = 1000
_AT_ONCE = (100.0,)
_NO_GUARDS = Guards(min_requests=0, hold_seconds=0)


class NoDeployment(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"This endpoint has no deployment {name[:60]!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Which model to deploy. `task` empty: its own. `external`: a server outside answers, and `repo` says nothing."""

    repo: str
    revision: str = "main"
    task: str = ""
    external: address.Wanted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a new deployment gets its traffic. Without `steps` it takes all of it as soon as it is ready."""

    steps: tuple[float, ...] = _AT_ONCE
    guards: Guards = _NO_GUARDS


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    name: str
    model: Model
    audience: Audience = Audience.AUTHENTICATED
    scaling: Scaling = field(default_factory=Scaling)
    described: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """None leaves a field as it is; `described` is laid over what there is."""

    audience: Audience | None = None
    scaling: Scaling | None = None
    described: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class _Chosen:
    repo_id: int | None
    repo: str
    revision: str
    commit: str
    task: str
    external: External | None = None

    @property
    def label(self) -> str:
        return f"{self.repo}@{self.commit[:7]}" if self.external is None else f"{self.repo} ({self.external.dialect})"


class Changing:
    """Does what people ask for."""

    def __init__(self, access: Access, targets: Targets, outer: Outer) -> None:
        self._outer = outer
        self._access = access
        self._targets = targets
        self._database = access.stores.database

    def create(self, caller: Caller, owner: Account, new: New) -> Endpoint:
        """With its first deployment, `v1`, which has all of the traffic. Raises BadRequest, InvalidName, Forbidden,
        AlreadyExists, NotServed, NotOffered, and what opening the model says."""
        name = parse_name(new.name)
        new.scaling.check()
        with self._database.read() as connection:
            finding.check_manages(connection, caller, owner.id, owner.name)
        chosen = self._choose(caller, new.model, new.audience)
        with self._database.write() as connection:
            finding.check_manages(connection, caller, owner.id, owner.name)
            _check_free(connection, owner, name)
            at = now_ms()
            values = {"owner_id": owner.id, "creator_id": caller.user_id or None, "name": name, "outcome": ""}
            values |= {"audience": new.audience, "wanted": Wanted.RUNNING, "version": 1, "placed": 0}
            values |= _scaling(new.scaling) | {"described": _json(new.described), "created_at": at, "updated_at": at}
            row = connection.execute(_endpoints.insert().values(values).returning(_endpoints.c.id)).scalar_one()
            _deploy(connection, row, caller, "v1", chosen, weight=100.0)
            note(connection, row, caller.user_id, "create", "v1", chosen.label)
            made = finding.get_within(connection, row)
            _tell(connection, "endpoint.create", caller, made)
            return made

    def deploy(
        self, caller: Caller, owner: str, name: str, model: Model, plan: Plan | None, *, deployment: str = ""
    ) -> Endpoint:
        """Another deployment, beside those that there are: without traffic, or with the rollout `plan`. Raises as `create`,
        Conflict while a rollout goes on."""
        found = finding.get(self._database, caller, owner, name)
        if model.external is not None:
            with self._database.read() as connection:  # before anything is said of the address
                finding.check_manages(connection, caller, found.owner_id, found.owner)
            model = replace(model, task=model.task or found.stable.task)
        chosen = self._choose(caller, model, found.audience)
        if chosen.task != found.stable.task:
            raise BadRequest(
                f"{chosen.repo} does {chosen.task}, and this endpoint {found.stable.task}: it would answer other questions"
            )
        with self._database.write() as connection:
            found = finding.open_for_change(connection, caller, owner, name)
            if plan is not None:
                _check_no_rollout(found)
            if len(found.deployments) >= DEPLOYMENTS_MAX:
                raise BadRequest(
                    f"An endpoint has at most {DEPLOYMENTS_MAX} deployments: delete one that has no traffic"
                )
            called = parse_name(deployment, "deployment") if deployment else _next_name(found)
            if found.by_name(called) is not None:
                raise AlreadyExists(f"This endpoint has a deployment {called!r} already")
            row = _deploy(connection, found.id, caller, called, chosen, weight=0.0)
            note(connection, found.id, caller.user_id, "deploy", called, chosen.label)
            values: dict[str, Any] = {"outcome": ""}
            if plan is not None:
                values |= _begun(found, row, plan)
                note(connection, found.id, caller.user_id, "rollout", called, _steps_text(plan.steps))
            return _put(connection, caller, found, values)

    def change(self, caller: Caller, owner: str, name: str, wanted: Change) -> Endpoint:
        """Raises BadRequest, EndpointNotFound, Forbidden."""
        found = finding.get(self._database, caller, owner, name)
        if wanted.audience not in (None, found.audience):
            self._check_shown(caller, found, wanted.audience or found.audience)
        with self._database.write() as connection:
            found = finding.open_for_change(connection, caller, owner, name)
            values = dict[str, Any]()
            if wanted.audience is not None:
                values["audience"] = wanted.audience
            if wanted.scaling is not None:
                wanted.scaling.check()
                values |= _scaling(wanted.scaling)
            if wanted.described is not None:
                values["described"] = _json({**found.described, **wanted.described})
            note(connection, found.id, caller.user_id, "settings", "", "")
            return _put(connection, caller, found, values)

    def set_wanted(self, caller: Caller, owner: str, name: str, wanted: Wanted) -> Endpoint:
        """Pauses it, scales it to zero, or resumes it."""
        with self._database.write() as connection:
            found = finding.open_for_change(connection, caller, owner, name)
            if found.wanted is wanted:
                return found
            if wanted is Wanted.SLEEPING and all(one.external is not None for one in found.deployments):
                raise BadRequest(
                    "Servers outside answer for this endpoint: it has nothing here that could be scaled to zero"
                )
            kinds = {Wanted.PAUSED: "pause", Wanted.SLEEPING: "sleep", Wanted.RUNNING: "resume"}
            note(connection, found.id, caller.user_id, kinds[wanted], "", "")
            return _put(connection, caller, found, {"wanted": wanted})

    def set_traffic(
        self, caller: Caller, owner: str, name: str, weights: Mapping[str, float], mirrors: Mapping[str, float]
    ) -> Endpoint:
        """Percent of each deployment by its name; those that are not named get none. Raises BadRequest, Conflict while a
        rollout goes on, NoDeployment."""
        with self._database.write() as connection:
            found = finding.open_for_change(connection, caller, owner, name)
            _check_no_rollout(found)
            for asked in (*weights, *mirrors):
                if found.by_name(asked) is None:
                    raise NoDeployment(asked)
            if any(not 0 <= share <= 100 for share in (*weights.values(), *mirrors.values())):
                raise BadRequest("Weights and mirrors are percent, between 0 and 100")
            if abs(sum(weights.values()) - 100) > 0.01:
                raise BadRequest(f"The weights have to add up to 100, and these are {sum(weights.values()):g}")
            for one in found.deployments:
                values = {"weight": weights.get(one.name, 0.0), "mirror": mirrors.get(one.name, 0.0)}
                connection.execute(_deployments.update().where(_deployments.c.id == one.id).values(values))
            shares = ", ".join(f"{one} {share:g} %" for one, share in weights.items() if share)
            note(connection, found.id, caller.user_id, "traffic", "", shares)
            return _put(connection, caller, found, {"outcome": ""})

    def roll_out(self, caller: Caller, owner: str, name: str, deployment: str, plan: Plan) -> Endpoint:
        """Gives a deployment that is there the traffic, by steps. Raises Conflict while a rollout goes on."""
        with self._database.write() as connection:
            found = finding.open_for_change(connection, caller, owner, name)
            _check_no_rollout(found)
            chosen = _of(found, deployment)
            if chosen.weight >= 100:
                raise Conflict(f"The deployment {deployment!r} has all of the traffic already")
            note(connection, found.id, caller.user_id, "rollout", chosen.name, _steps_text(plan.steps))
            return _put(connection, caller, found, {"outcome": "", **_begun(found, chosen.id, plan)})

    def promote(self, caller: Caller, owner: str, name: str) -> Endpoint:
        """Ends the rollout: the new deployment gets all of the traffic now. Raises Conflict without a rollout, and before it is
        ready."""
        with self._database.write() as connection:
            found = finding.open_for_change(connection, caller, owner, name)
            rollout = _rollout(found)
            if rollout.step < 0:
                raise Conflict("The new deployment is not ready yet: it gets traffic once it is")
            _set_weights(connection, rollout.weights(100))
            note(connection, found.id, caller.user_id, "promote", _name(found, rollout.deployment), "")
            return _put(connection, caller, found, {"rollout": None})

    def roll_back(self, caller: Caller, owner: str, name: str) -> Endpoint:
        """Ends the rollout: everything is as before. Raises Conflict without one."""
        with self._database.write() as connection:
            found = finding.open_for_change(connection, caller, owner, name)
            rollout = _rollout(found)
            _set_weights(connection, rollout.before)
            note(connection, found.id, caller.user_id, "rollback", _name(found, rollout.deployment), "")
            return _put(connection, caller, found, {"rollout": None})

    def remove(self, caller: Caller, owner: str, name: str, deployment: str) -> Endpoint:
        """A deployment without traffic. Raises Conflict for one that has some."""
        with self._database.write() as connection:
            found = finding.open_for_change(connection, caller, owner, name)
            chosen = _of(found, deployment)
            if chosen in found.needed:
                raise Conflict(f"The deployment {deployment!r} has traffic: give it to another one first")
            connection.execute(_deployments.delete().where(_deployments.c.id == chosen.id))
            note(connection, found.id, caller.user_id, "remove", chosen.name, "")
            return _put(connection, caller, found, {})

    def delete(self, caller: Caller, owner: str, name: str) -> None:
        """With all of its deployments, at once."""
        with self._database.write() as connection:
            found = finding.open_for_change(connection, caller, owner, name)
            connection.execute(_endpoints.delete().where(_endpoints.c.id == found.id))
            _tell(connection, "endpoint.delete", caller, found)

    def _choose(self, caller: Caller, model: Model, audience: Audience) -> _Chosen:
        if model.external is not None:
            return self._choose_external(model.external, model.task)
        repo_id = RepoId.parse(RepoType.MODEL, model.repo)
        repo = self._access.open_sync(caller, repo_id, Action.CONTENT)
        if not rights.may_show(self._access, caller, repo, audience):
            raise _not_shown(str(repo.repo_id), audience)
        revision = revisions.resolve_sync(repo, model.revision or "main")
        target = self._targets.find(repo, revision)
        if model.task:
            target.check_task(model.task)
        return _Chosen(repo.id, str(repo.repo_id), model.revision or "main", str(revision.commit), target.spec.task)

    def _choose_external(self, wanted: address.Wanted, task: str) -> _Chosen:
        """Nobody is called here: whether it answers is seen, and shown, once it is deployed."""
        self._outer.check(wanted)
        if task not in address.TASKS[wanted.dialect]:
            raise BadRequest(f'"external.task" has to be one of [{", ".join(address.TASKS[wanted.dialect])}]')
        url = wanted.url.rstrip("/")
        locked = address.lock(locking_key(self._database), wanted.token, url) if wanted.token else ""
        external = External(url=url, dialect=wanted.dialect, model=wanted.model, locked=locked)
        return _Chosen(None, wanted.model, "", "", task, external)

    def _check_shown(self, caller: Caller, found: Endpoint, audience: Audience) -> None:
        for one in found.deployments:
            if one.external is None and rights.opened(self._access, replace(found, audience=audience), one) is None:
                raise _not_shown(one.repo, audience)


def advance(
    database: Database,
    found: Endpoint,
    *,
    kind: str,
    detail: str = "",
    rollout: Rollout | None = None,
    weights: Mapping[int, float] | None = None,
    **values: Any,
) -> bool:
    """A change that the hub makes by itself; False where somebody else changed the endpoint meanwhile."""
    of = found.rollout.deployment if found.rollout is not None else 0
    with database.write() as connection:
        update = _endpoints.update().where(_endpoints.c.id == found.id, _endpoints.c.version == found.version)
        row = {**values, "rollout": _json(rollout) if rollout is not None else None}
        if not connection.execute(update.values(row | _touched(found))).rowcount:
            return False
        if weights is not None:
            _set_weights(connection, weights)
        note(connection, found.id, None, kind, _name(found, of), detail)
        return True


def note(connection: sa.Connection, endpoint: int, actor: int | None, kind: str, deployment: str, detail: str) -> None:
    """What happened, for the list of it. `actor` None: the hub did it."""
    row = {"endpoint_id": endpoint, "actor_id": actor or None, "kind": kind, "deployment": deployment}
    connection.execute(_events.insert().values(row | {"detail": detail[:1000], "at": now_ms()}))


def _deploy(
    connection: sa.Connection, endpoint: int, caller: Caller, name: str, chosen: _Chosen, *, weight: float
) -> int:
    values = {"endpoint_id": endpoint, "creator_id": caller.user_id or None, "name": name, "mirror": 0.0}
    values |= {"repo_id": chosen.repo_id, "repo": chosen.repo, "revision": chosen.revision, "commit": chosen.commit}
    values |= {"task": chosen.task, "weight": weight, "created_at": now_ms()}
    values |= {"external": _json(chosen.external) if chosen.external is not None else None}
    row: int = connection.execute(_deployments.insert().values(values).returning(_deployments.c.id)).scalar_one()
    return row


def _put(connection: sa.Connection, caller: Caller, found: Endpoint, values: Mapping[str, Any]) -> Endpoint:
    connection.execute(_endpoints.update().where(_endpoints.c.id == found.id).values({**values, **_touched(found)}))
    changed = finding.get_within(connection, found.id)
    _tell(connection, "endpoint.update", caller, changed)
    return changed


def _touched(found: Endpoint) -> dict[str, int]:
    return {"version": found.version + 1, "updated_at": now_ms()}


def _tell(connection: sa.Connection, kind: str, caller: Caller, found: Endpoint) -> None:
    told = {"owner": found.owner_id, "name": f"{found.owner}/{found.name}", "type": found.audience}
    outbox.append(connection, Event(kind, actor_id=caller.user_id or None, payload=told))


def _begun(found: Endpoint, row: int, plan: Plan) -> dict[str, str]:
    before = {one.id: one.weight for one in found.deployments} | {row: 0.0}
    rollout = Rollout(deployment=row, steps=parse_steps(plan.steps), guards=plan.guards, before=before)
    return {"rollout": _json(rollout)}


def _set_weights(connection: sa.Connection, weights: Mapping[int, float]) -> None:
    for row, weight in weights.items():
        connection.execute(_deployments.update().where(_deployments.c.id == row).values(weight=weight))


def _check_free(connection: sa.Connection, owner: Account, name: str) -> None:
    accounts = schema.accounts
    connection.execute(sa.select(accounts.c.id).where(accounts.c.id == owner.id).with_for_update(key_share=True))
    names = list(connection.execute(sa.select(_endpoints.c.name).where(_endpoints.c.owner_id == owner.id)).scalars())
    if name in names:
        raise AlreadyExists(f"{owner.name} has an endpoint {name!r} already")
    if len(names) >= _ENDPOINTS_MAX:
        raise BadRequest(f"{owner.name} has {_ENDPOINTS_MAX} endpoints, which is as many as there may be")


def _check_no_rollout(found: Endpoint) -> None:
    if found.rollout is not None:
        raise Conflict(
            f"A rollout of {_name(found, found.rollout.deployment)} goes on: promote it or roll it back first"
        )


def _rollout(found: Endpoint) -> Rollout:
    if found.rollout is None:
        raise Conflict("No rollout goes on")
    return found.rollout


def _of(found: Endpoint, name: str) -> Deployment:
    chosen = found.by_name(name)
    if chosen is None:
        raise NoDeployment(name)
    return chosen


def _name(found: Endpoint, row: int) -> str:
    one = found.by_id(row)
    return one.name if one is not None else ""


def _next_name(found: Endpoint) -> str:
    taken = {one.name for one in found.deployments}
    number = len(taken) + 1
    while f"v{number}" in taken:
        number += 1
    return f"v{number}"


def _not_shown(repo: str, audience: Audience) -> Forbidden:
    return Forbidden(
        f"{repo} is private or gated: only those who may write to it may have it answer {audience.value} callers"
    )


def _scaling(scaling: Scaling) -> dict[str, Any]:
    return {
        "min_replicas": scaling.min_replicas,
        "max_replicas": scaling.max_replicas,
        "idle_minutes": scaling.idle_minutes,
        "load": scaling.load,
    }


def _steps_text(steps: tuple[float, ...]) -> str:
    return ", ".join(f"{step:g} %" for step in steps)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
