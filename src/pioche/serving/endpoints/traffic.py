"""Asks the deployment that is chosen, the next one where it fails, and counts.

An endpoint whose new deployment fails loses no request: what a model is asked changes nothing, so that one that is ready is
asked the same. The failure counts against the one that failed.
"""

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.accounts.scopes import Permission
from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Database, Lookup
from pioche.db.instance import now_ms
from pioche.errors import Failure, HubError, NotOffered
from pioche.jobs import holders
from pioche.observe import log, metrics
from pioche.repos import revisions
from pioche.repos.access import READERS, Access
from pioche.serving.endpoints import finding, rights
from pioche.serving.endpoints.endpoint import Audience, Deployment, Endpoint
from pioche.serving.endpoints.finding import EndpointNotFound
from pioche.serving.endpoints.routing import Router
from pioche.serving.endpoints.tallies import Tally
from pioche.serving.external.address import External
from pioche.serving.external.outer import Outer
from pioche.serving.gateway import Gateway
from pioche.serving.spec import Ask, EngineName, Spec
from pioche.serving.targets import Target
from pioche.serving.wire import Answer

MINUTE_MS = 60_000
_KEPT = 1000
_MIRRORED_MAX = 8
_SOON_SECONDS = 1.0
"""During a rollout: so that one that fails is taken back within seconds."""

_deployments, _minutes = schema.deployments, schema.deployment_minutes
_KEYS, _COUNTS = ("deployment_id", "minute", "writer"), ("requests", "failures", "latencies")
_FOUND = Lookup("""
    SELECT e.id, e.version, e.placed, e.owner_id, e.audience, m.role FROM endpoints e JOIN accounts a ON a.id = e.owner_id
    LEFT JOIN memberships m ON m.org_id = e.owner_id AND m.user_id = :user
    WHERE a.name_key = :owner AND e.name = :name
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed(Target):
    """The target of a deployment, chosen for one request. `others` may take its place; it is `mirrored` to those."""

    endpoint: Endpoint
    deployment: Deployment
    others: tuple[Deployment, ...]
    mirrored: tuple[Deployment, ...]


class Traffic:
    """Of one web process, for its event loop; `flush` is for a thread."""

    def __init__(self, gateway: Gateway, access: Access, outer: Outer, node: str) -> None:
        self._gateway = gateway
        self._outer = outer
        self._access = access
        self._database: Database = access.stores.database
        self._router = Router(node)
        self._endpoints: OrderedDict[int, Endpoint] = OrderedDict()
        self._targets: OrderedDict[tuple[int, str], Target] = OrderedDict()
        self._running: dict[tuple[int, int], int] = defaultdict(int)
        self._counting = threading.Lock()
        self._counted: dict[tuple[int, int], Tally] = {}
        self._changed: set[tuple[int, int]] = set()
        self._mirrors: dict[int, float] = defaultdict(float)
        self._mirroring: set[asyncio.Task[None]] = set()
        self._flushing: asyncio.Task[None] | None = None
        self._flushed_at = 0.0
        self._writer = holders.new().partition(" ")[0]

    async def find(self, caller: Caller, owner: str, name: str) -> Endpoint:
        """One that the caller may ask. Raises EndpointNotFound, Forbidden."""
        key = {"owner": owner.lower(), "name": name.lower(), "user": caller.user_id}
        row = await self._database.fetch_one(_FOUND, key)
        if row is None:
            raise EndpointNotFound(anonymous=caller.is_anonymous)
        id_, version, placed, owner_id, audience, role = row
        _check_asks(caller, owner_id, Audience(audience), role)
        known = self._endpoints.get(id_)
        if known is None or (known.version, known.placed) != (version, placed):
            known = await asyncio.to_thread(self._load, id_)
            self._endpoints[id_] = known
            while len(self._endpoints) > _KEPT:
                self._endpoints.popitem(last=False)
        return known

    async def route(self, endpoint: Endpoint, *, session: str = "", forced: str = "") -> Routed:
        """Who answers. Raises what choosing says, and what the model's files say."""
        if not self._gateway.is_on:
            raise NotOffered("This hub serves no models: its setting inference is off")
        first, *others = self._router.choose(endpoint, session=session, forced=forced)
        return await self._routed(endpoint, first, tuple(others), self._mirrored(endpoint, first))

    async def ask(self, routed: Routed, ask: Ask, *, seconds: float | None = None) -> Answer:
        """As `Gateway.ask`, of whoever answers; the answer says who did."""
        for deployment in routed.mirrored:
            self._mirror(routed.endpoint, deployment, ask)
        left = list(routed.others)
        while True:
            try:
                return await self._ask(routed, ask, seconds)
            except Failure as error:
                if not left:
                    raise
                log.info(
                    "another deployment is asked", endpoint=routed.endpoint.name, instead_of=routed.deployment.name
                )
                routed = await self._after(routed, left, error)

    def flush(self) -> None:
        """Writes the minutes of which anything is new, each whole."""
        with self._counting:
            changed, self._changed = self._changed, set()
            rows = [self._row(deployment, minute) for deployment, minute in changed]
        try:
            self._write(rows)
        except Failure:
            with self._counting:
                self._changed |= changed
            raise
        now = now_ms() // MINUTE_MS
        with self._counting:
            past = [key for key in self._counted if key[1] < now and key not in self._changed]
            for key in past:
                del self._counted[key]

    def _row(self, deployment: int, minute: int) -> dict[str, object]:
        tally = self._counted[deployment, minute]
        return {
            "deployment_id": deployment,
            "minute": minute,
            "writer": self._writer,
            "requests": tally.requests,
            "failures": tally.failures,
            "latencies": msgspec.json.encode(tally.latencies).decode(),
            "replicas": 0,
            "memory_bytes": 0,
        }

    def _write(self, rows: list[dict[str, object]]) -> None:
        if not rows:
            return
        with self._database.write() as connection:
            present = _present(connection, {row["deployment_id"] for row in rows})
            left = [row for row in rows if row["deployment_id"] in present]
            if left:
                connection.execute(upsert(connection, _minutes, _KEYS, _COUNTS), left)

    # --- who ---

    def _load(self, row: int) -> Endpoint:
        with self._database.read() as connection:
            return finding.get_within(connection, row)

    async def _routed(
        self,
        endpoint: Endpoint,
        deployment: Deployment,
        others: tuple[Deployment, ...],
        mirrored: tuple[Deployment, ...],
    ) -> Routed:
        target = await self._target(endpoint, deployment)
        at = target.at(deployment.id, self._least_busy(deployment))
        return Routed(
            at.spec, at.repo, at.size, endpoint=endpoint, deployment=deployment, others=others, mirrored=mirrored
        )

    async def _after(self, routed: Routed, left: list[Deployment], error: Failure) -> Routed:
        """The next one that there is. Raises `error` where there is none."""
        while left:
            with contextlib.suppress(HubError):
                return await self._routed(routed.endpoint, left.pop(0), (), ())
        raise error

    async def _target(self, endpoint: Endpoint, deployment: Deployment) -> Target:
        if deployment.external is not None:
            return _outside(deployment, deployment.external)
        key = deployment.id, deployment.commit
        known = self._targets.get(key)
        if known is None:
            known = await asyncio.to_thread(self._find_target, endpoint, deployment)
            self._targets[key] = known
            while len(self._targets) > _KEPT:
                self._targets.popitem(last=False)
        return known

    def _find_target(self, endpoint: Endpoint, deployment: Deployment) -> Target:
        repo = rights.open_lent(self._access, endpoint, deployment)
        return self._gateway.targets.find(repo, revisions.resolve_sync(repo, deployment.commit))

    def _least_busy(self, deployment: Deployment) -> int:
        replicas = range(max(1, self._router.replicas(deployment)))
        return min(replicas, key=lambda replica: self._running[deployment.id, replica])

    def _mirrored(self, endpoint: Endpoint, chosen: Deployment) -> tuple[Deployment, ...]:
        """Those that are to answer this request too: of a hundred requests, as many as their percent."""
        found = list[Deployment]()
        for one in endpoint.deployments:
            if one.mirror and one is not chosen and self._router.replicas(one):
                self._mirrors[one.id] += one.mirror
                if self._mirrors[one.id] >= 100:
                    self._mirrors[one.id] -= 100
                    found.append(one)
        return tuple(found)

    # --- asking ---

    async def _ask(self, routed: Routed, ask: Ask, seconds: float | None) -> Answer:
        asked = _Asked(self, routed)
        try:
            if routed.deployment.external is not None:
                answer = await self._outer.ask(routed.deployment.external, ask)
            else:
                answer = await self._gateway.ask(routed, ask, seconds=seconds)
        except BaseException as error:
            asked.end(has_failed=isinstance(error, Failure))
            raise
        answer.headers = (("X-Deployment", routed.deployment.name),)
        if routed.deployment.commit:
            answer.headers += (("X-Repo-Commit", routed.deployment.commit),)
        if answer.pieces is None:
            asked.end(has_failed=False)
        else:
            answer.pieces = asked.through(answer.pieces)
        return answer

    def _mirror(self, endpoint: Endpoint, deployment: Deployment, ask: Ask) -> None:
        """Nobody waits for it; where it is too slow for that, it gets fewer."""
        if len(self._mirroring) < _MIRRORED_MAX:
            task = asyncio.create_task(self._ask_for_nobody(endpoint, deployment, ask))
            self._mirroring.add(task)
            task.add_done_callback(self._mirroring.discard)

    async def _ask_for_nobody(self, endpoint: Endpoint, deployment: Deployment, ask: Ask) -> None:
        with contextlib.suppress(HubError):  # it was counted
            answer = await self._ask(await self._routed(endpoint, deployment, (), ()), ask, None)
            if answer.pieces is not None:
                async for _ in answer.pieces:
                    pass

    # --- counting ---

    @contextlib.contextmanager
    def running(self, deployment: int, replica: int) -> Iterator[None]:
        self._running[deployment, replica] += 1
        try:
            yield
        finally:
            self._running[deployment, replica] -= 1

    def count(self, endpoint: Endpoint, deployment: Deployment, seconds: float, *, has_failed: bool) -> None:
        """A request that has ended."""
        metrics.deployment(f"{endpoint.owner}/{endpoint.name}", deployment.name, seconds, has_failed=has_failed)
        key = deployment.id, now_ms() // MINUTE_MS
        with self._counting:
            self._counted.setdefault(key, Tally()).add(seconds, has_failed=has_failed)
            self._changed.add(key)
        is_due = endpoint.rollout is not None and time.monotonic() - self._flushed_at > _SOON_SECONDS
        if is_due and (self._flushing is None or self._flushing.done()):
            self._flushed_at = time.monotonic()
            self._flushing = asyncio.create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        await asyncio.sleep(_SOON_SECONDS)
        with contextlib.suppress(Failure):  # it is tried again, and said then
            await asyncio.to_thread(self.flush)


class _Asked:
    """A request, until its answer is whole."""

    def __init__(self, traffic: Traffic, routed: Routed) -> None:
        self._traffic = traffic
        self._routed = routed
        self._began = time.perf_counter()
        self._running = contextlib.ExitStack()
        replica = int(routed.spec.place.rpartition("/")[2])
        self._running.enter_context(traffic.running(routed.deployment.id, replica))

    def end(self, *, has_failed: bool) -> None:
        self._running.close()
        seconds = time.perf_counter() - self._began
        self._traffic.count(self._routed.endpoint, self._routed.deployment, seconds, has_failed=has_failed)

    async def through(self, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        has_failed = False
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    yield piece
        except Failure:
            has_failed = True
            raise
        finally:
            self.end(has_failed=has_failed)


def _outside(deployment: Deployment, external: External) -> Target:
    """It has no files, and no repo to count requests for."""
    spec = Spec(repo=external.model, commit="", engine=EngineName.EXTERNAL, task=deployment.task, files=())
    return Target(spec, 0, 0)


def _check_asks(caller: Caller, owner_id: int, audience: Audience, role: str | None) -> None:
    """Raises EndpointNotFound, Forbidden for a token that was not given this."""
    if audience is Audience.PUBLIC:
        return
    if caller.is_anonymous:
        raise EndpointNotFound(anonymous=True)
    if audience is Audience.AUTHENTICATED:
        return
    is_inside = caller.is_admin or caller.user_id == owner_id or role in READERS
    if not is_inside or caller.barred_from(owner_id) is not None:
        raise EndpointNotFound
    if caller.scopes is not None and Permission.ENDPOINTS_WRITE not in caller.scopes.on_account(owner_id):
        caller.check_token(Permission.ENDPOINTS_ASK, owner_id, "this endpoint")


def _present(connection: sa.Connection, rows: set[object]) -> set[int]:
    """Those that have a row, which stays until the end of the transaction."""
    select = sa.select(_deployments.c.id).where(_deployments.c.id.in_(list(rows))).order_by(_deployments.c.id)
    return set(connection.execute(select.with_for_update(key_share=True)).scalars())
