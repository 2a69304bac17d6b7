"""What an endpoint is, and what may be asked of one."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from pioche.db.instance import now_ms
from pioche.errors import BadRequest, InvalidName
from pioche.serving.endpoints.tallies import Tally
from pioche.serving.external.address import External

REPLICAS_MAX: Final = 64
DEPLOYMENTS_MAX: Final = 20
STEPS_MAX: Final = 20
IDLE_MINUTES_MAX: Final = 60 * 24 * 7

_NEW_MS = 60_000
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?\Z")


class Audience(StrEnum):
    """Who may ask it, in the words of the clients (`InferenceEndpointType`)."""

    PUBLIC = "public"
    AUTHENTICATED = "authenticated"
    """Whoever has an account."""
    PRIVATE = "private"
    """Its owner; of an organisation, the members that read its private repos."""

    @classmethod
    def parse(cls, text: str) -> "Audience":
        """`protected` is what clients before 1.0 say for `authenticated`. Raises BadRequest."""
        try:
            return cls("authenticated" if text == "protected" else text)
        except ValueError:
            raise BadRequest(f'"type" {text[:40]!r} must be one of [{", ".join(cls)}]') from None


class Wanted(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    """Nobody is answered until it is resumed."""
    SLEEPING = "scaledToZero"
    """The next request starts it."""


class Guards(msgspec.Struct, frozen=True, rename="camel"):
    """When a step of a rollout is passed, and when it is taken back."""

    min_requests: int = 20
    """Of the new deployment, that a step has to see."""
    hold_seconds: float = 60.0
    """That a step lasts at least."""
    max_error_rate: float = 0.05
    max_slowdown: float = 2.0
    """How many times the others' 95th percentile the new one's may be."""


class Rollout(msgspec.Struct, frozen=True):
    """Of `deployment` (its row), in steps of percent. `step` -1: it is not ready yet. `before` are the weights of all, and
    `baseline` what all had counted when the step began (`since`, in Unix milliseconds)."""

    deployment: int
    steps: tuple[float, ...]
    guards: Guards
    before: dict[int, float]
    step: int = -1
    since: int = 0
    baseline: dict[int, Tally] = {}

    @property
    def share(self) -> float:
        """Percent that the new deployment has now."""
        return 0.0 if self.step < 0 else self.steps[self.step]

    def weights(self, share: float) -> dict[int, float]:
        """Of all, with `share` for the new one: the others keep their proportions."""
        others = {row: weight for row, weight in self.before.items() if row != self.deployment}
        whole = sum(others.values())
        rest = {row: (100 - share) * weight / whole if whole else 0.0 for row, weight in others.items()}
        return rest | {self.deployment: share}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Of each deployment that has traffic. `idle_minutes` None: as models that are not deployed; it counts where
    `min_replicas` is 0. `load`: requests at once that a replica is for."""

    min_replicas: int = 1
    max_replicas: int = 1
    idle_minutes: int | None = None
    load: float | None = None

    def check(self) -> None:
        """Raises BadRequest."""
        if not 0 <= self.min_replicas <= REPLICAS_MAX:
            raise BadRequest(f"minReplica has to be between 0 and {REPLICAS_MAX}")
        if not max(1, self.min_replicas) <= self.max_replicas <= REPLICAS_MAX:
            raise BadRequest(f"maxReplica has to be between 1 and {REPLICAS_MAX}, and not below minReplica")
        if self.idle_minutes is not None and not 1 <= self.idle_minutes <= IDLE_MINUTES_MAX:
            raise BadRequest(f"scaleToZeroTimeout has to be between 1 and {IDLE_MINUTES_MAX} minutes")
        if self.load is not None and not 0 < self.load <= 10_000:
            raise BadRequest("pendingRequests has to be above 0, and at most 10000")


class State(StrEnum):
    """Of a deployment on a node."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"
    """Its files may not be used any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How a deployment is on a node: `replicas` are ready, numbered from 0."""

    node: str
    state: State
    replicas: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """`repo_id` is a row, None when the repo was deleted; `repo` what it is called, or was. `weight` and `mirror` are
    percent of the requests; `creator_id` is who lends it their rights."""

    id: int
    name: str
    repo_id: int | None
    repo: str
    revision: str
    commit: str
    task: str
    weight: float
    mirror: float
    creator_id: int | None
    created_at: int
    places: Sequence[Place] = ()
    external: External | None = None
    """Who answers in place of workers here: then there is no repo, and no commit."""

    @property
    def is_gone(self) -> bool:
        """Whether what it would answer with is no more."""
        return self.repo_id is None and self.external is None

    def place(self, node: str) -> Place | None:
        return next((place for place in self.places if place.node == node), None)

    @property
    def reason(self) -> str:
        """Why it is not there, where it is not."""
        return next((place.reason for place in self.places if place.reason), "")

    @property
    def replicas(self) -> int:
        """That are ready, on all nodes."""
        return sum(place.replicas for place in self.places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`described` is what clients said of hardware. Deployments come in the order in which they were made. `version` and
    `placed` are others after each change, of the endpoint and of where it is."""

    id: int
    owner_id: int
    owner: str
    name: str
    audience: Audience
    wanted: Wanted
    scaling: Scaling
    described: dict[str, object]
    rollout: Rollout | None
    outcome: str
    version: int
    placed: int
    created_at: int
    updated_at: int
    deployments: tuple[Deployment, ...]

    def by_name(self, name: str) -> Deployment | None:
        return next((one for one in self.deployments if one.name == name), None)

    def by_id(self, row: int) -> Deployment | None:
        return next((one for one in self.deployments if one.id == row), None)

    @property
    def stable(self) -> Deployment:
        """What answers most; of a rollout, what answered most before."""
        weights = self.rollout.before if self.rollout is not None else {}
        return max(self.deployments, key=lambda one: (weights.get(one.id, one.weight), -one.id))

    @property
    def needed(self) -> list[Deployment]:
        """Those that have to be there while it is awake: with traffic, mirrored to, or about to have some."""
        new = self.rollout.deployment if self.rollout is not None else None
        return [one for one in self.deployments if one.weight > 0 or one.mirror > 0 or one.id == new]

    @property
    def state(self) -> str:
        """In the words of the clients (`InferenceEndpointStatus`)."""
        if self.wanted is not Wanted.RUNNING:
            return self.wanted.value
        if self.rollout is not None:
            return "updating"
        if self.outcome:
            return "updateFailed"
        return self._running()

    def _running(self) -> str:
        places = self.stable.places
        if any(place.replicas for place in places):
            return "running"
        if any(place.state in (State.FAILED, State.CLOSED) for place in places):
            return "failed"
        if any(place.state is State.STARTING for place in places):
            return "initializing"
        return "scaledToZero" if self.scaling.min_replicas == 0 and not self.is_new else "pending"

    @property
    def is_new(self) -> bool:
        """Made a moment ago: it is started once, whether it is asked or not."""
        return self.version == 1 and now_ms() - self.created_at < _NEW_MS


def parse_name(text: str, what: str = "name") -> str:
    """Of an endpoint or a deployment. Raises InvalidName."""
    if not _NAME.match(text):
        raise InvalidName(
            f'"{what}" {text[:60]!r} is not a name: 1 to 32 of a to z, 0 to 9 and "-", no "-" at either end'
        )
    return text


def parse_steps(steps: Sequence[float]) -> tuple[float, ...]:
    """Percent, rising to 100. Raises BadRequest."""
    if not 0 < len(steps) <= STEPS_MAX:
        raise BadRequest(f"A rollout has between 1 and {STEPS_MAX} steps")
    is_rising = all(low < high for low, high in zip((0.0, *steps), steps, strict=False))
    if not all(map(math.isfinite, steps)) or not is_rising or steps[-1] != 100:
        raise BadRequest("The steps of a rollout are percent that rise to 100, such as [1, 10, 50, 100]")
    return tuple(float(step) for step in steps)


def parse_guards(min_requests: int, hold_seconds: float, max_error_rate: float, max_slowdown: float) -> Guards:
    """Raises BadRequest."""
    for what, value, least, most in (
        ("requests that a step has to see", min_requests, 0, 1_000_000),
        ("seconds that a step lasts", hold_seconds, 0, 7 * 86_400),
        ("share of requests that may fail", max_error_rate, 0, 1),
        ("times that it may be slower", max_slowdown, 1, 1000),
    ):
        if not (math.isfinite(value) and least <= value <= most):
            raise BadRequest(f"The {what} have to be between {least} and {most}, and not {value:g}")
    return Guards(min_requests, hold_seconds, max_error_rate, max_slowdown)
