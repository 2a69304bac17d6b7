"""The rows of facts: derived and stored in the transaction that moves the default branch."""

import re
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.jobs import queue
from pioche.names import DEFAULT_REF, Oid, RepoType
from pioche.repos.facts import derivation
from pioche.repos.facts.observation import Noticed, Observed
from pioche.repos.facts.told import Facts

READ_HEADERS = "facts.headers"
"""The kind of the job that reads headers of weights and imports of pickles; its key is the repo's row id."""
DERIVE = "facts.derive"
"""The kind of the job that looks at all files of a repo; its key is the repo's row id."""

_repos, _facts = schema.repos, schema.facts
_COLUMNS = (
    "pipeline_tag", "library_name", "parameters", "rows", "completeness", "summary", "details", "warnings", "observed",
)  # fmt: skip
_OF_REPO = ("card", "tags", "sdk")

# Made once: making a statement takes longer than running it.
_READ = (
    sa.select(_repos.c.type, _repos.c.sdk, _repos.c.card, _facts.c.observed)
    .outerjoin(_facts, _facts.c.repo_id == _repos.c.id)
    .where(_repos.c.id == sa.bindparam("repo"))
)
_STORED = (
    sa.select(*(_repos.c[name] for name in _OF_REPO), *(_facts.c[name] for name in _COLUMNS))
    .outerjoin(_facts, _facts.c.repo_id == _repos.c.id)
    .where(_repos.c.id == sa.bindparam("repo"))
)
_LOCK = (
    sa.select(_repos.c.id).where(_repos.c.id == sa.bindparam("repo"), _repos.c.deleted_at.is_(None)).with_for_update()
)
_TIP = sa.select(schema.refs.c.commit).where(
    schema.refs.c.repo_id == sa.bindparam("repo"), schema.refs.c.name == DEFAULT_REF
)
_WRITE_REPO = (
    _repos.update()
    .where(_repos.c.id == sa.bindparam("repo"))
    .values(card=sa.bindparam("card"), tags=sa.bindparam("tags"), sdk=sa.bindparam("sdk"))
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_decode = msgspec.json.Decoder(Observed).decode
_encode = msgspec.json.Encoder().encode


class Record(msgspec.Struct):
    """A repo's type and what was observed of it; `is_known`: it was looked at before."""

    type: RepoType
    sdk: str | None
    observed: Observed
    is_known: bool = True

    def derive(self) -> Facts:
        return derivation.derive(self.type, self.observed, sdk=self.sdk)

    def columns(self) -> dict[str, Any]:
        """Of the table `facts`, and `card`, `tags` and `sdk` of the table `repos`."""
        facts = self.derive()
        observed = msgspec.structs.replace(self.observed, card={})  # the card has its own column
        return {
            "card": _text(self.observed.card),
            "tags": _text(facts.tags),
            "sdk": facts.details.get("space", {}).get("sdk"),
            "pipeline_tag": _line(facts.pipeline_tag),
            "library_name": _line(facts.library_name),
            "parameters": facts.parameters,
            "rows": facts.rows,
            "completeness": facts.completeness,
            "summary": _line(facts.summary),
            "details": _text(facts.details),
            "warnings": _text(facts.warnings),
            "observed": _text(observed),
        }


def store(connection: sa.Connection, repo_id: int, noticed: Noticed) -> None:
    """In the transaction that moves the ref, with the repo's row locked.

    Puts the job in that reads headers when there are any that were not read, and the one that looks at everything when
    that was never done.
    """
    if noticed.is_empty:
        return
    record = read(connection, repo_id)
    if record is None:
        return
    _apply(record, noticed)
    if not noticed.is_whole and (not record.is_known or record.observed.is_torn):
        queue.enqueue(connection, DERIVE, str(repo_id))
    write(connection, repo_id, record)


def _apply(record: Record, noticed: Noticed) -> None:
    if noticed.is_whole:  # headers and scans name the bytes that they were read from: they stay
        record.observed = Observed(headers=record.observed.headers, scans=record.observed.scans)
    record.observed.apply(noticed)


def write(connection: sa.Connection, repo_id: int, record: Record) -> None:
    """Derives everything from what is observed, and stores both."""
    values = record.columns()
    connection.execute(_WRITE_REPO, {"repo": repo_id, **{name: values.pop(name) for name in _OF_REPO}})
    connection.execute(upsert(connection, _facts, ("repo_id",), _COLUMNS), {"repo_id": repo_id, **values})
    if record.observed.unread or record.observed.unscanned:
        queue.enqueue(connection, READ_HEADERS, str(repo_id))


def is_right(connection: sa.Connection, repo_id: int, noticed: Noticed, *, must_be_known: bool = False) -> bool:
    """Whether the rows are what follows from `noticed`, which is of all files. A repo that was never looked at (a new one, or
    one that an upgrade has not come to) is right too, unless it must be known."""
    record, rows = read(connection, repo_id), connection.execute(_STORED, {"repo": repo_id}).mappings().first()
    if record is None or rows is None:
        return True
    is_known = record.is_known
    _apply(record, noticed)
    real = record.columns()
    if not is_known:
        return not must_be_known and bool(rows["card"] == real["card"])
    return all(rows[name] == value for name, value in real.items())


def lock_tip(connection: sa.Connection, repo_id: int) -> Oid | None:
    """The tip of the default branch, which stays until the transaction ends; None when the repo is gone."""
    if connection.execute(_LOCK, {"repo": repo_id}).first() is None:
        return None
    found = connection.execute(_TIP, {"repo": repo_id}).scalar()
    return Oid(found) if found is not None else None


def read(connection: sa.Connection, repo_id: int) -> Record | None:
    """None when there is no such repo."""
    row = connection.execute(_READ, {"repo": repo_id}).first()
    if row is None:
        return None
    is_known = row.observed is not None
    observed = _decode(row.observed) if is_known else Observed()
    observed.card = msgspec.json.decode(row.card)
    return Record(RepoType(row.type), row.sdk, observed, is_known)


def _line(text: str | None) -> str | None:
    """Without what PostgreSQL's TEXT cannot hold and no line should have."""
    return text if text is None or text.isprintable() else _CONTROL.sub("", text)


def _text(value: object) -> str:
    return _encode(value).decode()
