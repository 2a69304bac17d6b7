"""Sees to it that deployments are where they should be: starts and ends their workers, moves traffic along a rollout, and
writes down how they are.

A round takes a second. What it does depends on the rows alone, so that it may be ended and begun again at any moment, and run
beside others on other nodes: each places all deployments on its own node, and a step of a rollout is taken once (`advance`).
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Failure, HubError, NotOffered
from pioche.jobs import holders
from pioche.observe import log, metrics
from pioche.repos import revisions
from pioche.repos.access import Access
from pioche.serving.controller.fleet import Fleet, Seen
from pioche.serving.endpoints import changing, finding, history, rights, rollouts, scaling
from pioche.serving.endpoints.endpoint import Deployment, Endpoint, Place, Rollout, State, Wanted
from pioche.serving.endpoints.rollouts import Verdict
from pioche.serving.endpoints.scaling import Scaler
from pioche.serving.endpoints.tallies import Tally
from pioche.serving.external.address import External
from pioche.serving.external.outer import Outer
from pioche.serving.messages import State as WorkerState
from pioche.serving.messages import Wanted as WantedWorker
from pioche.serving.spec import Spec
from pioche.serving.targets import Target, Targets

_ROUND_SECONDS = 1.0
_RIGHTS_SECONDS = 5.0
_GAUGES_SECONDS = 10.0
_START_SECONDS = 300.0
_STARTS_MAX = 4
"""At once: whoever asks a model that is not there waits behind no more."""
_HERE = (WorkerState.READY, WorkerState.STARTING)

_places, _minutes, _endpoints = schema.deployment_places, schema.deployment_minutes, schema.endpoints
_deployments = schema.deployments
_KEYS = ("deployment_id", "minute", "writer")


@dataclass(slots=True)
class _Known:
    """A deployment of which this node has something to do."""

    scaler: Scaler = field(default_factory=Scaler)
    target: Target | None = None
    refused: str = ""
    """Why its files cannot be served."""
    is_closed: bool = False
    checked_at: float = 0.0
    replicas: int = 0
    """How many there should be."""
    trouble: HubError | None = None
    """Why none could be started the last time."""
    answers: bool | None = None
    """Of a server outside: whether it did the last time, or why not (`refused`); None: it was not asked yet."""
    asking: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Sleep:
    """Of an endpoint: since when this node knows that it should not run."""

    since: float


class Deployer:
    """`keep` runs until it is cancelled; `fleet` is the one of the same event loop."""

    def __init__(
        self, access: Access, fleet: Fleet, targets: Targets, outer: Outer, node: str, idle_seconds: float
    ) -> None:
        self._access = access
        self._outer = outer
        self._database: Database = access.stores.database
        self._fleet = fleet
        self._targets = targets
        self._node = node
        self._idle_seconds = idle_seconds
        self._known: dict[int, _Known] = {}
        self._asleep: dict[int, _Sleep] = {}
        self._tried: set[int] = set()
        """Endpoints that were there once, or could not be."""
        self._starts: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._endings: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._written: dict[int, Place] = {}
        self._writer = holders.new().partition(" ")[0]
        self._gauged_at = 0.0

    async def keep(self) -> None:
        """Until it is cancelled."""
        await self._try(asyncio.to_thread(self._forget_places))
        while True:
            await self._try(self.round())
            await asyncio.sleep(_ROUND_SECONDS)

    async def close(self) -> None:
        """Nothing of this node is ready any more."""
        for task in (*self._starts.values(), *self._endings.values()):
            task.cancel()
        await self._try(asyncio.to_thread(self._forget_places))

    async def round(self) -> None:
        """Looks at everything once. Raises Failure."""
        endpoints = await asyncio.to_thread(finding.everything, self._database)
        await self._forget(endpoints)
        for endpoint in endpoints:
            await self._place(endpoint)
        self._fleet.kept = frozenset(
            spec for endpoint in endpoints if self._keeps(endpoint) for spec in self._specs(endpoint.needed)
        )
        await self._write_places(endpoints)
        await self._write_gauges(endpoints)
        for endpoint in endpoints:
            await self._judge(endpoint)

    def output(self, deployment: int, replica: int) -> str:
        """What a worker wrote."""
        known = self._known.get(deployment)
        if known is None or known.target is None:
            return ""
        return self._fleet.output(known.target.at(deployment, replica).spec)

    async def _try(self, doing: Awaitable[None]) -> None:
        try:
            await doing
        except Failure as error:  # of the database: it is tried again
            log.fault("deployments not looked after", error)

    # --- which replicas there are ---

    async def _place(self, endpoint: Endpoint) -> None:
        """Starts and ends what has to be."""
        needed = {one.id for one in endpoint.needed}
        for one in endpoint.deployments:
            known = self._known.setdefault(one.id, _Known())
            await self._check_rights(endpoint, one, known)
        is_awake = await self._is_awake(endpoint)
        for one in endpoint.deployments:
            known = self._known[one.id]
            known.replicas = self._replicas(endpoint, one, known) if is_awake and one.id in needed else 0
            if known.is_closed:
                known.replicas = 0
            self._make_so(endpoint, one, known)

    async def _is_awake(self, endpoint: Endpoint) -> bool:
        """Whether its deployments should be there. One that sleeps is woken by whoever asks it."""
        if endpoint.wanted is Wanted.PAUSED:
            return False
        seen = [self._see(one, replica) for one in endpoint.needed for replica in self._numbers(one)]
        last = max((one.used_at for one in seen if one.state in _HERE), default=0.0)
        if any(one.state in (WorkerState.READY, WorkerState.FAILED) for one in seen):
            self._tried.add(endpoint.id)
        if endpoint.wanted is Wanted.SLEEPING:
            sleep = self._asleep.setdefault(endpoint.id, _Sleep(time.monotonic()))
            if last <= sleep.since:
                return False
            del self._asleep[endpoint.id]
            await asyncio.to_thread(
                changing.advance, self._database, endpoint, kind="wake", rollout=endpoint.rollout, wanted=Wanted.RUNNING
            )
            return True
        self._asleep.pop(endpoint.id, None)
        is_untried = endpoint.is_new and endpoint.id not in self._tried
        if endpoint.scaling.min_replicas or endpoint.rollout is not None or is_untried:
            return True
        minutes = endpoint.scaling.idle_minutes
        idle = self._idle_seconds if minutes is None else minutes * 60.0
        return last > 0 and (time.monotonic() - last < idle or any(one.running for one in seen))

    def _replicas(self, endpoint: Endpoint, one: Deployment, known: _Known) -> int:
        seen = [self._see(one, replica) for replica in range(known.replicas)]
        asked = endpoint.scaling
        return known.scaler.replicas(
            known.replicas,
            sum(worker.running for worker in seen),
            time.monotonic(),
            load=asked.load or scaling.LOAD,
            least=max(1, asked.min_replicas),
            most=asked.max_replicas,
        )

    def _make_so(self, endpoint: Endpoint, one: Deployment, known: _Known) -> None:
        """A deployment without traffic that somebody names is started by the gateway, and ended when it is idle."""
        if known.target is None:
            return
        for replica in range(known.replicas):
            if len(self._starts) >= _STARTS_MAX:
                break
            if self._see(one, replica).state is WorkerState.ABSENT and (one.id, replica) not in self._starts:
                self._start(one, replica, known.target)
        is_named = known.replicas == 0 and endpoint.wanted is Wanted.RUNNING and not known.is_closed
        for replica in range(known.replicas, endpoint.scaling.max_replicas + 1):
            seen = self._see(one, replica)
            if seen.state is not WorkerState.READY or (is_named and self._is_used(endpoint, seen)):
                continue
            self._end(one, replica, known.target)

    def _is_used(self, endpoint: Endpoint, seen: Seen) -> bool:
        minutes = endpoint.scaling.idle_minutes
        idle = self._idle_seconds if minutes is None else minutes * 60.0
        return seen.running > 0 or time.monotonic() - seen.used_at < idle

    def _start(self, one: Deployment, replica: int, target: Target) -> None:
        key, at = (one.id, replica), target.at(one.id, replica)
        wanted = WantedWorker(at.spec, at.repo, at.size, _START_SECONDS)
        self._starts[key] = task = asyncio.create_task(self._started(wanted, self._known[one.id]))
        task.add_done_callback(lambda _task: self._starts.pop(key, None))

    async def _started(self, wanted: WantedWorker, known: _Known) -> None:
        try:
            await self._fleet.worker(wanted)
            known.trouble = None
        except HubError as error:
            known.trouble = error
            log.warning("deployment not started", repo=wanted.spec.repo, reason=error.message)
            await asyncio.sleep(_ROUND_SECONDS)
        except OSError as error:
            log.fault("deployment not started", error)

    def _end(self, one: Deployment, replica: int, target: Target) -> None:
        key = one.id, replica
        if key not in self._endings:
            self._endings[key] = task = asyncio.create_task(self._fleet.end(target.at(one.id, replica).spec))
            task.add_done_callback(lambda _task: self._endings.pop(key, None))

    def _see(self, one: Deployment, replica: int) -> Seen:
        known = self._known.get(one.id)
        if known is None or known.target is None:
            return Seen(WorkerState.ABSENT)
        return self._fleet.see(known.target.at(one.id, replica).spec)

    def _numbers(self, one: Deployment) -> range:
        known = self._known.get(one.id)
        return range(max(1, known.replicas if known is not None else 0))

    def _keeps(self, endpoint: Endpoint) -> bool:
        return endpoint.wanted is Wanted.RUNNING and endpoint.scaling.min_replicas > 0

    def _specs(self, deployments: Sequence[Deployment]) -> list[Spec]:
        return [
            known.target.at(one.id, replica).spec
            for one in deployments
            if (known := self._known.get(one.id)) is not None and known.target is not None
            for replica in range(known.replicas)
        ]

    # --- whether it may be there ---

    async def _check_rights(self, endpoint: Endpoint, one: Deployment, known: _Known) -> None:
        if known.checked_at and time.monotonic() - known.checked_at < _RIGHTS_SECONDS:
            return
        known.checked_at = time.monotonic()
        if one.external is not None:
            if known.asking is None or known.asking.done():  # one that is slow holds up no other
                known.asking = asyncio.create_task(self._ask_whether_there(one.external, known))
            return
        target, refused, is_closed = await asyncio.to_thread(self._find, endpoint, one, known.target)
        known.target, known.refused, known.is_closed = target or known.target, refused, is_closed

    def _find(self, endpoint: Endpoint, one: Deployment, known: Target | None) -> tuple[Target | None, str, bool]:
        repo = rights.opened(self._access, endpoint, one)
        if repo is None:
            return None, f"The files of {one.repo} are not open to whoever deployed it any more", True
        if known is not None:
            refused = self._targets.refused(repo, known.spec)
            return known, refused, bool(refused)
        try:
            return self._targets.find(repo, revisions.resolve_sync(repo, one.commit)), "", False
        except HubError as error:
            return None, error.message, False

    async def _ask_whether_there(self, external: External, known: _Known) -> None:
        try:
            known.refused = await asyncio.to_thread(self._outer.trouble, external)
        except Failure as error:  # of the database: it is asked again
            log.fault("model outside not looked after", error)
            return
        known.answers = not known.refused

    async def _forget(self, endpoints: Sequence[Endpoint]) -> None:
        """Ends what is deployed no more."""
        self._tried &= {endpoint.id for endpoint in endpoints}
        there = {one.id for endpoint in endpoints for one in endpoint.deployments}
        for row in [row for row in self._known if row not in there]:
            known = self._known.pop(row)
            self._written.pop(row, None)
            if known.target is not None:
                for replica in range(known.replicas + 1):
                    await self._fleet.end(known.target.at(row, replica).spec)

    # --- how it is, for everybody to read ---

    async def _write_places(self, endpoints: Sequence[Endpoint]) -> None:
        changed = list[tuple[int, int, Place | None]]()
        for endpoint in endpoints:
            for one in endpoint.deployments:
                place, before = self._how(one), self._written.get(one.id)
                metrics.placed(
                    f"{endpoint.owner}/{endpoint.name}", one.name, one.weight, place.replicas if place else 0
                )
                if place != before:
                    changed.append((endpoint.id, one.id, place))
        if changed:
            await asyncio.to_thread(self._write, changed)
            for _, row, place in changed:
                if place is None:
                    self._written.pop(row, None)
                else:
                    self._written[row] = place

    def _how(self, one: Deployment) -> Place | None:
        """None where there is nothing of it, as there should not be."""
        known = self._known[one.id]
        if one.external is not None and not known.refused:
            if known.answers:
                return Place(node=self._node, state=State.READY, replicas=1)
            return Place(node=self._node, state=State.STARTING)
        if known.is_closed:
            return Place(node=self._node, state=State.CLOSED, reason=known.refused)
        if known.refused:
            return Place(node=self._node, state=State.FAILED, reason=known.refused)
        seen = [self._see(one, replica) for replica in self._numbers(one)]
        ready = 0
        while ready < len(seen) and seen[ready].state is WorkerState.READY:
            ready += 1
        if ready:
            return Place(node=self._node, state=State.READY, replicas=ready)
        failed = next((worker for worker in seen if worker.state is WorkerState.FAILED), None)
        if failed is not None:
            return Place(node=self._node, state=State.FAILED, reason=failed.reason)
        if not (known.replicas or any(worker.state in _HERE for worker in seen)):
            return None
        trouble = known.trouble
        state = State.FAILED if isinstance(trouble, NotOffered) else State.STARTING  # there will never be room for it
        return Place(node=self._node, state=state, reason=trouble.message if trouble is not None else "")

    def _write(self, changed: Sequence[tuple[int, int, Place | None]]) -> None:
        columns = ("state", "replicas", "reason", "at")
        with self._database.write() as connection:
            for endpoint, deployment, place in changed:
                update = _endpoints.update().where(_endpoints.c.id == endpoint).values(placed=_endpoints.c.placed + 1)
                connection.execute(update)
                here = sa.and_(_places.c.deployment_id == deployment, _places.c.node == self._node)
                if place is None:
                    connection.execute(_places.delete().where(here))
                elif _is_there(connection, deployment):
                    row = {"deployment_id": deployment, "node": self._node, "state": place.state, "at": now_ms()}
                    row |= {"replicas": place.replicas, "reason": place.reason[:1000]}
                    connection.execute(upsert(connection, _places, ("deployment_id", "node"), columns), row)

    def _forget_places(self) -> None:
        """What an earlier process of this node wrote: none of it is true any more."""
        with self._database.write() as connection:
            here = sa.select(_places.c.deployment_id).where(_places.c.node == self._node)
            of = sa.select(_deployments.c.endpoint_id).where(_deployments.c.id.in_(here))
            connection.execute(
                _endpoints.update().where(_endpoints.c.id.in_(of)).values(placed=_endpoints.c.placed + 1)
            )
            connection.execute(_places.delete().where(_places.c.node == self._node))

    async def _write_gauges(self, endpoints: Sequence[Endpoint]) -> None:
        if time.monotonic() - self._gauged_at < _GAUGES_SECONDS:
            return
        self._gauged_at = time.monotonic()
        rows = [row for endpoint in endpoints for one in endpoint.deployments if (row := self._gauges(one))]
        if rows:
            await asyncio.to_thread(self._write_rows, rows)

    def _gauges(self, one: Deployment) -> dict[str, object] | None:
        seen = [worker for n in self._numbers(one) if (worker := self._see(one, n)).state is WorkerState.READY]
        if not seen:
            return None
        none = msgspec.json.encode(Tally().latencies).decode()
        row = {"deployment_id": one.id, "minute": now_ms() // history.MINUTE_MS, "writer": self._writer}
        memory = sum(worker.memory_bytes for worker in seen)
        return row | {
            "requests": 0, "failures": 0, "latencies": none, "replicas": len(seen), "memory_bytes": memory
        }  # fmt: skip

    def _write_rows(self, rows: Sequence[dict[str, object]]) -> None:
        with self._database.write() as connection:
            there = [row for row in rows if _is_there(connection, row["deployment_id"])]
            if there:
                connection.execute(upsert(connection, _minutes, _KEYS, ("replicas", "memory_bytes")), there)

    # --- rollouts ---

    async def _judge(self, endpoint: Endpoint) -> None:
        rollout = endpoint.rollout
        if rollout is None or endpoint.wanted is Wanted.PAUSED:
            return
        new = endpoint.by_id(rollout.deployment)
        place = self._how(new) if new is not None else None
        failed = place.reason if place is not None and place.state in (State.FAILED, State.CLOSED) else ""
        is_ready = place is not None and place.state is State.READY
        counted = await asyncio.to_thread(history.since_step, self._database, endpoint, rollout)
        judged = rollouts.judge(rollout, counted, now_ms(), is_ready=is_ready, failed=failed)
        if judged.verdict is Verdict.BACK:
            await asyncio.to_thread(self._take_back, endpoint, rollout, judged.reason)
        elif judged.verdict is Verdict.DONE:
            await asyncio.to_thread(changing.advance, self._database, endpoint, kind="done")
        elif judged.verdict is Verdict.NEXT:
            await asyncio.to_thread(self._take_step, endpoint, rollout)

    def _take_back(self, endpoint: Endpoint, rollout: Rollout, reason: str) -> None:
        if changing.advance(
            self._database, endpoint, kind="taken back", detail=reason, weights=rollout.before, outcome=reason
        ):
            log.warning("rollout taken back", endpoint=f"{endpoint.owner}/{endpoint.name}", reason=reason)

    def _take_step(self, endpoint: Endpoint, rollout: Rollout) -> None:
        at = now_ms()
        with self._database.read() as connection:
            baseline = history.counted(connection, [one.id for one in endpoint.deployments], at)
        stepped = msgspec.structs.replace(rollout, step=rollout.step + 1, since=at, baseline=baseline)
        share = stepped.share
        is_last = share >= 100 and not rollout.guards.hold_seconds and not rollout.guards.min_requests
        changing.advance(
            self._database,
            endpoint,
            kind="done" if is_last else "step",
            detail=f"{share:g} %",
            rollout=None if is_last else stepped,
            weights=rollout.weights(share),
        )


def _is_there(connection: sa.Connection, deployment: object) -> bool:
    """And stays until the end of the transaction."""
    select = sa.select(_deployments.c.id).where(_deployments.c.id == deployment).with_for_update(key_share=True)
    return connection.execute(select).first() is not None
