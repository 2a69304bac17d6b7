"""One app: what answers of it, and what is being made to answer next."""

import asyncio
import time
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field

from pioche.errors import HubError, NotBuilt, RepoNotFound
from pioche.observe import log
from pioche.spaces import apps, flavours
from pioche.spaces.apps import App, Due
from pioche.spaces.builds.redaction import Say
from pioche.spaces.controller import version
from pioche.spaces.controller.lines import Lines
from pioche.spaces.controller.version import Tools, Version, Wish
from pioche.spaces.flavours import Flavour
from pioche.spaces.spec import Stage, Wanted

_BACK_OFF_SECONDS = (5.0, 30.0, 120.0)
"""After a crash it is started again, so often and so late; then somebody has to say so."""
_SETTLED_SECONDS = 300.0
"""An app that lived so long before it crashed crashed for the first time."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How all keepers work. `idle_seconds` is until an app sleeps whose row says nothing."""

    tools: Tools
    flavours: tuple[Flavour, ...]
    idle_seconds: int
    building: asyncio.Semaphore
    reports: Executor
    """Of one thread: stages are written in the order in which they came."""


@dataclass(slots=True)
class Crashes:
    count: int = 0
    due_at: float = 0.0


@dataclass(slots=True)
class Traffic:
    """`open` counts requests, and connections that stay, such as WebSockets."""

    open: int = 0
    last: float = field(default_factory=time.monotonic)


class Keeper:
    """For one event loop."""

    def __init__(self, ways: Ways, app: App) -> None:
        self.app = app
        self.build_log, self.run_log = Lines(), Lines()
        self.traffic = Traffic()
        self.current: Version | None = None
        self._ways = ways
        self._tried: Wish | None = None
        self._crashes = Crashes()
        self._working: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._stage, self._reason = app.stage, app.reason

    @property
    def stage(self) -> Stage:
        return self._stage

    @property
    def reason(self) -> str:
        return self._reason

    def look(self, due: Due) -> None:
        """Takes the next step towards what its row asks for, if there is one to take and none is being taken."""
        before, self.app = self.app, due.app
        if self._working is not None:
            if not self._working.done():
                return
            self._working = None
        if due.is_disabled or due.app.wanted is Wanted.PAUSED:
            self._rest(Stage.STOPPED if due.is_disabled else Stage.PAUSED)
            return
        wish = self._wish(due)
        if self._tried is None and self._may_sleep_on(before, due):
            self._tried = wish
            self._set(Stage.SLEEPING)
        elif wish != self._tried:
            self._begin(wish)
        elif self.current is not None:
            self._watch(self.current, due.app)

    async def wake(self, seconds: float) -> Version | None:
        """What answers, started where it sleeps; None where it does not within so many seconds, or not at all."""
        self.traffic.last = time.monotonic()
        if self.current is None and self._stage is Stage.SLEEPING and self._tried is not None:
            self._begin(self._tried)
        deadline = time.monotonic() + seconds
        while self.current is None and self.is_coming and time.monotonic() < deadline:
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), deadline - time.monotonic())
        return self.current

    @property
    def is_coming(self) -> bool:
        """Whether waiting makes sense."""
        return self._working is not None and not self._working.done()

    async def close(self) -> None:
        if self._working is not None:
            self._working.cancel()
            with suppress(asyncio.CancelledError):
                await self._working
        await self._retire(self.current)
        self.current = None

    # ---

    def _wish(self, due: Due) -> Wish:
        try:
            flavour = flavours.named(self._ways.flavours, due.app.hardware)
        except HubError:
            flavour = self._ways.flavours[0]
        return Wish(due.app.repo, due.tip, due.app.rebuilds, due.app.restarts, flavour)

    def _may_sleep_on(self, before: App, due: Due) -> bool:
        """After a start of the hub: what answered then, or slept, answers again when somebody asks."""
        never = due.app.sleep_seconds == apps.NEVER
        return before.commit == due.tip and (before.stage.serves or before.stage is Stage.SLEEPING) and not never

    def _begin(self, wish: Wish) -> None:
        fresh = self._tried is not None and wish.rebuilds != self._tried.rebuilds
        self._tried = wish
        self._working = asyncio.create_task(self._bring(wish, fresh=fresh))

    async def _bring(self, wish: Wish, *, fresh: bool) -> None:
        self._set(Stage.RUNNING_BUILDING if self.current else Stage.BUILDING)
        made: Version | None = None
        try:
            async with self._ways.building:
                made = await asyncio.to_thread(version.build, self._ways.tools, wish, self.build_log, fresh=fresh)
            self._set(Stage.RUNNING_APP_STARTING if self.current else Stage.APP_STARTING)
            await asyncio.to_thread(made.start, self._ways.tools.sandbox, self.run_log)
        except asyncio.CancelledError:
            await self._retire(made)
            raise
        except (HubError, OSError) as error:
            await self._retire(made)
            self._failed(error, was_built=made is not None)
            return
        old, self.current = self.current, made
        self._crashes.due_at = time.monotonic()
        self.traffic.last = time.monotonic()
        self._set(Stage.RUNNING)
        await self._retire(old)

    def _failed(self, error: HubError | OSError, *, was_built: bool) -> None:
        """What answered before goes on answering."""
        if isinstance(error, RepoNotFound):
            return
        stage = Stage.RUNTIME_ERROR if was_built else Stage.BUILD_ERROR
        if isinstance(error, NotBuilt):
            stage = Stage(error.stage)
        reason = error.message if isinstance(error, HubError) else error.strerror or str(error)
        say: Say = self.run_log.say if was_built else self.build_log.say
        say(reason)
        self._set(stage, reason)

    def _watch(self, current: Version, app: App) -> None:
        running = current.running
        if running is not None and running.ending is not None:
            self._crashed(current)
        elif running is not None and self._is_idle(app):
            self._rest(Stage.SLEEPING)

    def _crashed(self, current: Version) -> None:
        reason = current.last_words(self.run_log)
        lived = time.monotonic() - self._crashes.due_at
        count = 0 if lived > _SETTLED_SECONDS else self._crashes.count
        self.current = None
        self._working = asyncio.create_task(self._again(current, count))
        self._set(Stage.RUNTIME_ERROR, reason)

    async def _again(self, ended: Version, count: int) -> None:
        await self._retire(ended)
        if count >= len(_BACK_OFF_SECONDS):
            self._crashes = Crashes()
            return
        await asyncio.sleep(_BACK_OFF_SECONDS[count])
        self._crashes = Crashes(count + 1, time.monotonic())
        if self._tried is not None:
            await self._bring(self._tried, fresh=False)

    def _is_idle(self, app: App) -> bool:
        most = self._ways.idle_seconds if app.sleep_seconds is None else app.sleep_seconds
        return most > 0 and not self.traffic.open and time.monotonic() - self.traffic.last > most

    def _rest(self, stage: Stage) -> None:
        current, self.current = self.current, None
        if stage is not Stage.SLEEPING:
            self._tried = None
        if current is not None:
            self._working = asyncio.create_task(self._retire(current))
        if self._stage is not stage:
            self._set(stage)

    async def _retire(self, old: Version | None) -> None:
        if old is not None:
            await asyncio.to_thread(old.close)

    def _set(self, stage: Stage, reason: str = "") -> None:
        self._stage, self._reason = stage, reason
        self._changed.set()
        current = self.current
        commit = (
            current.wish.commit if current else self._tried.commit if stage is Stage.SLEEPING and self._tried else None
        )
        hardware = current.wish.flavour.name if current else ""
        self._ways.reports.submit(self._report, stage, reason, commit, hardware)

    def _report(self, stage: Stage, reason: str, commit: str | None, hardware: str) -> None:
        try:
            self._ways.tools.apps.report(self.app.repo, stage, reason, commit=commit, hardware=hardware)
        except HubError as error:
            log.fault("stage of a Space not written", error)
