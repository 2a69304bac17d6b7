"""Rows of apps: what people ask of them, and what the controller found them to be (docs/decisions/0052-apps.md)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche import keys
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import locking_key, now_ms
from pioche.errors import BadRequest, Conflict, NotFound, RepoNotFound
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import RepoType
from pioche.repos.access import Repo
from pioche.spaces.spec import Stage, Wanted

_apps, _values, _repos, _refs = schema.apps, schema.app_values, schema.repos, schema.refs
_MAIN = "refs/heads/main"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_OURS = re.compile(r"(?:SPACE_|HF_ENDPOINT\Z|SYSTEM\Z|PORT\Z|LD_|PYTHON(?:HOME|PATH)\Z)")
_VALUE_BYTES_MAX = 64 * 1024
_VALUES_MAX = 200
_DESCRIPTION_MAX = 1000
_SLEEP_SECONDS_MIN = 60
_SLEEP_SECONDS_MAX = 366 * 86_400
NEVER = -1
"""Of `sleep_seconds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The row of a Space's app. Times are Unix milliseconds."""

    repo: int
    wanted: Wanted = Wanted.RUNNING
    hardware: str = ""
    sleep_seconds: int | None = None
    dev_mode: bool = False
    volumes: tuple[dict[str, Any], ...] = ()
    restarts: int = 0
    rebuilds: int = 0
    stage: Stage = Stage.STOPPED
    reason: str = ""
    commit: str | None = None
    running_hardware: str = ""
    active_at: int = 0
    staged_at: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    """A variable or a secret. `value` is empty for a secret, which nobody is shown."""

    name: str
    value: str
    description: str
    is_secret: bool
    updated_at: int


@dataclass(frozen=True, slots=True)
class Due:
    """A Space as the controller looks at it: its row, its tip, and whether it may run at all."""

    app: App
    tip: str
    is_disabled: bool


class Apps:
    """Methods may be called from any thread. `run`: a controller of this hub does what is asked, so that an app is on its way there
    from the moment that somebody asked for it."""

    def __init__(self, database: Database, *, run: bool = True) -> None:
        self._database = database
        self._run = run

    def get(self, repo: int) -> App:
        """As nobody has asked anything of it yet, where it has no row."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(_apps).where(_apps.c.repo_id == repo)).first()
        return _app(row) if row is not None else App(repo=repo)

    def of_repos(self, repos: Sequence[int]) -> dict[int, App]:
        """Those that have rows."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(_apps).where(_apps.c.repo_id.in_(repos))).all()
        return {row.repo_id: _app(row) for row in rows}

    # --- what is asked ---

    def pause(self, repo: Repo, actor: int) -> App:
        return self._ask(repo, actor, "pause", wanted=Wanted.PAUSED.value, **self._staged(Stage.PAUSED.value))

    def restart(self, repo: Repo, actor: int, *, factory: bool = False) -> App:
        """`factory`: built anew, without what was kept. Also resumes what was paused."""
        grown = {"rebuilds": _apps.c.rebuilds + 1} if factory else {"restarts": _apps.c.restarts + 1}
        serves = _apps.c.stage.in_([stage.value for stage in Stage if stage.serves])
        coming = sa.case((serves, Stage.RUNNING_BUILDING.value), else_=Stage.BUILDING.value)
        return self._ask(repo, actor, "restart", wanted=Wanted.RUNNING.value, **grown, **self._staged(coming))

    def set_hardware(self, repo: Repo, actor: int, flavour: str, sleep_seconds: int | None = None) -> App:
        """A name that `flavours.named` knows. It is started again."""
        changed: dict[str, Any] = {"hardware": flavour, "restarts": _apps.c.restarts + 1}
        if sleep_seconds is not None:
            changed["sleep_seconds"] = checked_sleep(sleep_seconds)
        return self._ask(repo, actor, "hardware", **changed)

    def set_sleep(self, repo: Repo, actor: int, seconds: int) -> App:
        """`NEVER`, or seconds without a request. Raises BadRequest."""
        return self._ask(repo, actor, "sleep_time", sleep_seconds=checked_sleep(seconds))

    def set_dev_mode(self, repo: Repo, actor: int, *, is_on: bool) -> App:
        return self._ask(repo, actor, "dev_mode", dev_mode=is_on, restarts=_apps.c.restarts + 1)

    def set_volumes(self, repo: Repo, actor: int, volumes: Sequence[dict[str, Any]]) -> App:
        text = msgspec.json.encode(list(volumes)).decode()
        return self._ask(repo, actor, "volumes", volumes=text, restarts=_apps.c.restarts + 1)

    # --- variables and secrets ---

    def values(self, repo: int) -> list[Value]:
        """All of them, by name."""
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(_values).where(_values.c.repo_id == repo).order_by(_values.c.name)
            ).all()
        return [
            Value(row.name, "" if row.is_secret else row.value, row.description, bool(row.is_secret), row.updated_at)
            for row in rows
        ]

    def environment(self, repo: int) -> tuple[dict[str, str], list[str]]:
        """What the app gets, and which of these values are secret. Raises Corrupt for a secret that cannot be read."""
        key, found, secret = locking_key(self._database), dict[str, str](), list[str]()
        with self._database.read() as connection:
            rows = connection.execute(sa.select(_values).where(_values.c.repo_id == repo)).all()
        for row in rows:
            found[row.name] = row.value
            if row.is_secret:
                found[row.name] = keys.unlock(key, _purpose(repo, row.name), row.value).decode()
                secret.append(found[row.name])
        return found, secret

    def set_value(
        self, repo: Repo, actor: int, name: str, value: str, *, is_secret: bool, description: str | None = None
    ) -> None:
        """The app is started again with it. Raises BadRequest, and Conflict where the name is the other kind's."""
        check_value(name, value, description or "")
        locked = value
        if is_secret:
            locked = keys.lock(locking_key(self._database), _purpose(repo.id, name), value.encode())
        with self._database.write() as connection:
            self._changed(connection, repo, actor, name)  # first: who changes the row waits for whoever did before
            there = {
                row.name: row for row in connection.execute(sa.select(_values).where(_values.c.repo_id == repo.id))
            }
            known = there.get(name)
            if known is not None and bool(known.is_secret) != is_secret:
                raise Conflict(f"{name} is a {'secret' if known.is_secret else 'variable'} already: delete that first")
            if known is None and len(there) >= _VALUES_MAX:
                raise BadRequest(f"A Space has at most {_VALUES_MAX} variables and secrets")
            told = (known.description if known is not None else "") if description is None else description
            row = {"value": locked, "description": told[:_DESCRIPTION_MAX], "updated_at": now_ms()}
            if known is None:
                connection.execute(_values.insert().values(repo_id=repo.id, name=name, is_secret=is_secret, **row))
            else:
                connection.execute(_values.update().where(_one(repo.id, name)).values(**row))

    def delete_value(self, repo: Repo, actor: int, name: str, *, is_secret: bool) -> None:
        """Raises NotFound."""
        with self._database.write() as connection:
            self._changed(connection, repo, actor, name)
            gone = _values.delete().where(_one(repo.id, name), _values.c.is_secret == is_secret)
            if not connection.execute(gone).rowcount:
                raise NotFound(f"This Space has no {'secret' if is_secret else 'variable'} {name[:60]!r}")

    def copy_variables(self, source: int, target: Repo) -> None:
        """Secrets are nobody's to copy."""
        with self._database.write() as connection:
            rows = connection.execute(
                sa.select(_values).where(_values.c.repo_id == source, _values.c.is_secret.is_(False))
            ).all()
            for row in rows:
                wanted = {"name": row.name, "value": row.value, "description": row.description, "is_secret": False}
                connection.execute(
                    insert_if_absent(connection, _values).values(repo_id=target.id, updated_at=now_ms(), **wanted)
                )

    # --- what the controller says ---

    def due(self) -> list[Due]:
        """Every Space there is, for the controller to compare to what runs."""
        query = (
            sa.select(_repos.c.id.label("repo"), _repos.c.disabled_at, _refs.c.commit.label("tip"), _apps)
            .join(_refs, sa.and_(_refs.c.repo_id == _repos.c.id, _refs.c.name == _MAIN))
            .outerjoin(_apps, _apps.c.repo_id == _repos.c.id)
            .where(_repos.c.type == RepoType.SPACE.value, _repos.c.deleted_at.is_(None))
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            Due(
                _app(row) if row.repo_id is not None else App(repo=row.repo),
                row.tip,
                is_disabled=row.disabled_at is not None,
            )
            for row in rows
        ]

    def report(
        self, repo: int, stage: Stage, reason: str = "", *, commit: str | None = None, hardware: str = ""
    ) -> None:
        """`commit` is what answers. Nothing where the repo is gone."""
        told = reason.replace("\0", "")[:_DESCRIPTION_MAX]  # it has what the app printed, and PostgreSQL keeps no NUL
        row = {"stage": stage.value, "reason": told, "staged_at": now_ms()}
        with self._database.write() as connection:
            if self._ensure(connection, repo):
                there = _apps.c.repo_id == repo
                connection.execute(_apps.update().where(there).values(commit=commit, running_hardware=hardware, **row))

    def note_activity(self, at: dict[int, int]) -> None:
        """When each was last asked."""
        with self._database.write() as connection:
            for repo, moment in at.items():
                connection.execute(_apps.update().where(_apps.c.repo_id == repo).values(active_at=moment))

    # ---

    def _staged(self, stage: object) -> dict[str, Any]:
        return {"stage": stage, "reason": "", "staged_at": now_ms()} if self._run else {}

    def _ask(self, repo: Repo, actor: int, what: str, **values: Any) -> App:
        with self._database.write() as connection:
            if not self._ensure(connection, repo.id):
                raise RepoNotFound
            connection.execute(_apps.update().where(_apps.c.repo_id == repo.id).values(**values))
            outbox.append(connection, Event("space.update", repo.id, actor, {"change": what}))
            return _app(connection.execute(sa.select(_apps).where(_apps.c.repo_id == repo.id)).one())

    def _changed(self, connection: sa.Connection, repo: Repo, actor: int, name: str) -> None:
        if not self._ensure(connection, repo.id):
            raise RepoNotFound
        connection.execute(_apps.update().where(_apps.c.repo_id == repo.id).values(restarts=_apps.c.restarts + 1))
        outbox.append(connection, Event("space.update", repo.id, actor, {"change": name}))

    def _ensure(self, connection: sa.Connection, repo: int) -> bool:
        """False: there is no such repo any more."""
        if connection.execute(sa.select(_repos.c.id).where(_repos.c.id == repo)).first() is None:
            return False
        fresh = App(repo=repo)
        connection.execute(
            insert_if_absent(connection, _apps).values(
                repo_id=repo, wanted=fresh.wanted.value, hardware="", dev_mode=False, volumes="[]", restarts=0, rebuilds=0,
                stage=fresh.stage.value, reason="", running_hardware="", active_at=now_ms(), staged_at=now_ms(),
            )
        )  # fmt: skip
        return True


def check_value(name: str, value: str, description: str = "") -> None:
    """Raises BadRequest for what no variable or secret may be."""
    if not _NAME.match(name):
        raise BadRequest(f"{name[:60]!r} is no name of a variable: letters, digits and _, no digit first, 128 at most")
    if _OURS.match(name):
        raise BadRequest(f"{name} is given by the hub")
    if len(value.encode()) > _VALUE_BYTES_MAX or "\0" in value:
        raise BadRequest(f"The value of {name} is a text of at most {_VALUE_BYTES_MAX} bytes")
    if "\0" in description:
        raise BadRequest(f"The description of {name} is a text")


def checked_sleep(seconds: int) -> int:
    """Raises BadRequest."""
    if seconds != NEVER and not _SLEEP_SECONDS_MIN <= seconds <= _SLEEP_SECONDS_MAX:
        raise BadRequest(
            f"The time until it sleeps is {_SLEEP_SECONDS_MIN} to {_SLEEP_SECONDS_MAX} seconds, or {NEVER} for never"
        )
    return seconds


def _one(repo: int, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(_values.c.repo_id == repo, _values.c.name == name)


def _purpose(repo: int, name: str) -> str:
    return f"space {repo} {name}"


def _app(row: sa.Row[Any]) -> App:
    return App(
        repo=row.repo_id,
        wanted=Wanted(row.wanted),
        hardware=row.hardware,
        sleep_seconds=row.sleep_seconds,
        dev_mode=bool(row.dev_mode),
        volumes=tuple(msgspec.json.decode(row.volumes)),
        restarts=row.restarts,
        rebuilds=row.rebuilds,
        stage=Stage(row.stage),
        reason=row.reason,
        commit=row.commit,
        running_hardware=row.running_hardware,
        active_at=row.active_at,
        staged_at=row.staged_at,
    )
