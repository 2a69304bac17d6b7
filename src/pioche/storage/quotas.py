"""How much the repos of an owner, and each repo, may hold: limits that parallel uploads over many processes cannot pass.

What a repo counts is what it refers to (decision 25): its large files, each once, the files that git keeps of all its
history, and what is reserved for it. A reservation is a row taken before bytes are accepted; it ends when they are
referred to, when the upload breaks off, when its process dies, or with its time. Under a limit, whoever adds anything
locks the owner's row first: so the sums that are looked at are those of whoever came before. Where there is no limit
nothing is written and one row is read.
"""

import secrets
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Database, Lookup
from pioche.db.instance import now_ms
from pioche.jobs import holders
from pioche.names import Sha256
from pioche.storage import admission
from pioche.storage.admission import Bounds

UPLOAD_SECONDS = 3600
"""How long bytes are reserved that come in several requests, after the last of them."""

_LEASE_MS = 600_000
_RENEWED_SECONDS = 120.0
_BATCH = 500

_reserved = schema.storage_reservations


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say, in bytes; 0 is no limit. Accounts and repos may have their own (`storage_max`)."""

    user: int = 0
    org: int = 0
    repo: int = 0

    def of_account(self, kind: str, own: int | None) -> int:
        """Of an account of that `kind` (user, org) whose own limit is `own`."""
        return (self.org if kind == "org" else self.user) if own is None else own

    def of_repo(self, own: int | None) -> int:
        return self.repo if own is None else own


@dataclass(frozen=True, slots=True)
class Growth:
    """What a change adds to git, in bytes of files, and the reservations that were taken for it."""

    git_bytes: int = 0
    keys: tuple[str, ...] = ()


NO_GROWTH = Growth()

_BOUNDS = Lookup(
    """
    SELECT a.id, a.kind, a.storage_max, r.storage_max FROM repos r JOIN accounts a ON a.id = r.namespace_id
    WHERE r.id = :repo
    """
)


class Quotas:
    """The limits of one hub. `database` None: there are none."""

    def __init__(self, database: Database | None, limits: Limits, *, kept_seconds: int = 86_400) -> None:
        """`kept_seconds`: how long what was uploaded counts before it is referred to: until it may be collected."""
        self.limits = limits
        self.kept_seconds = kept_seconds
        self._database = database
        self._held = set[str]()
        self._lock = threading.Lock()
        self._renewed = time.monotonic()

    def bounds(self, repo_id: int) -> Bounds | None:
        """None where nothing is limited. The cost of one look-up by key."""
        row = None if self._database is None else self._database.fetch_one_sync(_BOUNDS, {"repo": repo_id})
        if row is None:
            return None
        owner_id, kind, owner_own, repo_own = row
        found = Bounds(owner_id, self.limits.of_account(kind, owner_own), self.limits.of_repo(repo_own))
        return found if found.owner_max or found.repo_max else None

    # --- before bytes are accepted ---

    def reserve(
        self,
        repo_id: int,
        user_id: int,
        wanted: Mapping[str, int] | Mapping[Sha256, int],
        *,
        seconds: int = 0,
        instead_of: Collection[str] = (),
    ) -> "Reservation":
        """Reserves so many bytes under each key, but for files that the repo is linked to. What is reserved under the same
        key, or under those in `instead_of`, ends. With `seconds`, for so long; else while the reservation is held: it is a
        context manager. Raises QuotaExceeded."""
        bounds = self.bounds(repo_id) if wanted else None
        if bounds is None or self._database is None:
            return Reservation(self, repo_id, (), "")
        holder = None if seconds else holders.new()
        until = now_ms() + (seconds * 1000 or _LEASE_MS)
        with self._database.write() as connection:
            linked = admission.linked(connection, repo_id, wanted)
            new = {key: size for key, size in wanted.items() if key not in linked}
            rows = [{"repo_id": repo_id, "key": key, "size": new[key], "holder": holder, "until": until} for key in new]
            admission.admit(connection, bounds, repo_id, user_id, sum(new.values()), [*new, *instead_of])
            if rows:
                values = ["size", "holder", "until"]
                connection.execute(upsert(connection, _reserved, ["repo_id", "key"], values), rows)
        if holder is not None:
            with self._lock:
                self._held.add(holder)
        return Reservation(self, repo_id, tuple(new), holder or "")

    def renew(self, repo_id: int, key: str, *, seconds: int = UPLOAD_SECONDS) -> None:
        """More of an upload in several requests has come."""
        if self._database is not None and self.bounds(repo_id) is not None:
            with self._database.write() as connection:
                here = (_reserved.c.repo_id == repo_id) & (_reserved.c.key == key)
                connection.execute(_reserved.update().where(here).values(until=now_ms() + seconds * 1000))

    def room(self, repo_id: int, user_id: int, keys: Iterable[str] = ()) -> "Room":
        """What could be reserved now under `keys`: to tell a client before it begins."""
        bounds = self.bounds(repo_id)
        if bounds is None or self._database is None:
            return Room(None, "")
        with self._database.read() as connection:
            use = admission.used(connection, bounds.owner_id, repo_id)
            own = admission.reserved_under(connection, repo_id, keys)
            left = own + min(
                limit - used for limit, used in ((bounds.owner_max, use.owner), (bounds.repo_max, use.repo)) if limit
            )
            refused = bounds.repo_max and bounds.repo_max - use.repo == left - own
            why = admission.refusal(connection, bounds, repo_id, user_id, use, of_repo=bool(refused))
            return Room(max(0, left), why)

    def expect(self, repo_id: int, user_id: int, sizes: Collection[int]) -> None:
        """Large files of these sizes are about to come; all that is known of them. Raises QuotaExceeded when there is no
        room for them for certain: those that may be in the repo already, or the same as others of them, do not count, nor
        what is reserved for the repo, perhaps for them. Clients that speak Xet show the reason only if they hear it now."""
        bounds = self.bounds(repo_id) if sizes else None
        if bounds is None or self._database is None:
            return
        with self._database.read() as connection:
            new = sum(set(sizes) - admission.held_sizes(connection, repo_id, sizes))
            own = admission.reserved_for(connection, repo_id)
            use = admission.used(connection, bounds.owner_id, repo_id)
            admission.check(connection, bounds, repo_id, user_id, admission.Use(use.owner - own, use.repo - own), new)

    def admit_repo(self, connection: sa.Connection, user_id: int, owner: "sa.Row[Any]", added: int) -> None:
        """A whole repo of `added` bytes comes to `owner` (a row with id, kind and storage_max), by moving, copying or
        restoring. Raises QuotaExceeded."""
        limit = self.limits.of_account(owner.kind, owner.storage_max)
        if limit:
            admission.admit(connection, Bounds(owner.id, limit, 0), 0, user_id, added, ())

    # --- holding ---

    def end(self, repo_id: int, holder: str, *, keep: bool) -> None:
        """Of a `Reservation`. With `keep` the bytes are here, and count until they are referred to."""
        with self._lock:
            self._held.discard(holder)
        if self._database is None:
            return
        here = (_reserved.c.repo_id == repo_id) & (_reserved.c.holder == holder)
        with self._database.write() as connection:
            if keep:
                until = now_ms() + self.kept_seconds * 1000
                connection.execute(_reserved.update().where(here).values(holder=None, until=until))
            else:
                connection.execute(_reserved.delete().where(here))

    def flush(self) -> None:
        """Renews what this process holds; `http.buffers` calls it every few seconds."""
        with self._lock:
            held = sorted(self._held)
        if self._database is None or not held or time.monotonic() - self._renewed < _RENEWED_SECONDS:
            return
        self._renewed = time.monotonic()
        with self._database.write() as connection:
            for start in range(0, len(held), _BATCH):
                mine = _reserved.c.holder.in_(held[start : start + _BATCH])
                connection.execute(_reserved.update().where(mine).values(until=now_ms() + _LEASE_MS))


UNLIMITED = Quotas(None, Limits())


@dataclass(slots=True)
class Reservation:
    """Of bytes that are being taken in. What was not kept when its block ends is free again."""

    quotas: Quotas
    repo_id: int
    keys: tuple[str, ...]
    holder: str

    def keep(self) -> None:
        """The bytes are here: they stay reserved until something refers to them."""
        if self.holder:
            self.quotas.end(self.repo_id, self.holder, keep=True)
            self.holder = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.holder:
            self.quotas.end(self.repo_id, self.holder, keep=False)
            self.holder = ""


@dataclass(frozen=True, slots=True)
class Room:
    """`left` None: no limit. `refusal` says what to do when it is not enough."""

    left: int | None
    refusal: str = field(repr=False)


def git_key() -> str:
    """For bytes that no hash names yet."""
    return f"git:{secrets.token_hex(8)}"


def xorb_key(name: str) -> str:
    return f"xorb:{name}"


def sweep(database: Database) -> None:
    """Removes reservations past their time: they count no more."""
    with database.write() as connection:
        connection.execute(_reserved.delete().where(_reserved.c.until < now_ms()))
