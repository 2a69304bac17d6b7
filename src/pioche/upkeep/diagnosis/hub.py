"""What the hub holds: its database, its store, whether they fit together, and what its jobs, backups and scrubs say."""

import re
import time
from collections.abc import Iterator

import sqlalchemy as sa

from pioche.config import Config
from pioche.db import instance, migrate, schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import HubError
from pioche.storage.blobs import BlobStore
from pioche.upkeep import deriving, scrub
from pioche.upkeep.diagnosis import Answer, bad, good, note
from pioche.upkeep.fsck import database as pages
from pioche.upkeep.fsck import examination
from pioche.upkeep.fsck.findings import Finding
from pioche.upkeep.fsck.scene import Scene
from pioche.upkeep.progress import SILENT, Progress

_SLOW_MS = 100
_AHEAD_MS = 300_000
_SHOWN_MAX = 20
_BACKUP_DAYS = 7
_DAY_MS = 86_400_000
_YOUNG_MS = 3_600_000
_LEFT_OVER = ("orphaned-folder", "orphaned-bytes")
_PASSWORD = re.compile(r"://([^:/@]*):[^@]*@")

BACKUP_NOTE = "backup"
"""Under which a backup's end is noted: its id."""


def answers(
    config: Config, database: Database, blobs: BlobStore, *, is_running: bool, progress: Progress = SILENT
) -> Iterator[Answer]:
    """All about a hub whose database can be opened. `is_running`: uploads may be on their way."""
    found = list(_database(config, database))
    yield from found
    if any(answer.is_bad for answer in found):
        return
    scene = Scene(config, database, blobs, grace_ms=_YOUNG_MS if is_running else 0)
    yield from _consistency(scene, progress)
    for question in (_clock, _jobs, _facts, _leases, _quarantine, _scrubbed, _backup):
        yield question(config, database)


# --- the database ---------------------------------------------------------------------------------------------------


def _database(config: Config, database: Database) -> Iterator[Answer]:
    where = "SQLite" if config.database_is_sqlite else _PASSWORD.sub(r"://\1:***@", config.database_url)
    try:
        began = time.monotonic()
        with database.read() as connection:
            connection.execute(sa.text("SELECT 1"))
            current = migrate.current(connection)
        took = (time.monotonic() - began) * 1000
    except HubError as error:
        yield bad("database", f"{where} does not answer: {error.__cause__ or error.message}", "Look at the database")
        return
    text = f"{where} answers within {took:.1f} ms"
    yield note("database", text, "Every request waits for it") if took > _SLOW_MS else good("database", text)
    yield _schema(current)
    faults = pages.page_faults(database)
    if faults:
        advice = "Run `pioche fsck --repair`; keep a copy of the file first"
        yield bad("database pages", "; ".join(faults[:3]), advice)


def _schema(current: str | None) -> Answer:
    head = migrate.revisions()[-1]
    if current == head:
        return good("schema", f"Version {head}, the one that this Pioche needs")
    if current is not None and current not in migrate.revisions():
        text = f"Version {current}, which a newer Pioche wrote; this one knows {head}"
        return bad("schema", text, "Start that version of Pioche")
    return bad(
        "schema", f"Version {current or 'none'}; this Pioche needs {head}", "Start the hub: it brings it up to date"
    )


# --- do the halves fit together? ------------------------------------------------------------------------------------


def _consistency(scene: Scene, progress: Progress) -> Iterator[Answer]:
    """What a quick look finds missing (scenario J2): rows without bytes, and bytes without rows."""
    try:
        report = examination.glance(scene, progress=progress)
    except HubError as error:
        yield bad("stored bytes", f"They cannot be looked at: {error.message}", "Look at the store")
        return
    seen = ", ".join(f"{count} {what}" for what, count in scene.looked_at.items()) or "nothing is stored yet"
    damage = [finding for finding in report.findings if finding.damage]
    extra = [finding for finding in report.findings if finding.kind in _LEFT_OVER]
    if damage:
        text = f"{len(damage)} things are missing or wrong: {_listed(damage)}"
        advice = "The bytes may be older than the database: restore them from the same backup, or run `pioche fsck` for each step"
        yield bad("stored bytes", text, advice)
    else:
        yield good("stored bytes", f"Everything that rows name is there ({seen})")
    if extra:
        text = f"Bytes of which no row is known: {_listed(extra)}"
        advice = (
            "Left by broken-off uploads and deleted repos; if you restored the database alone, it is older than the bytes:"
            " set gc_seconds = 0 and restore a newer one before anything is collected"
        )
        yield note("unknown bytes", text, advice)


def _listed(findings: list[Finding]) -> str:
    shown = [f"{finding.subject} ({finding.kind})" for finding in findings[:_SHOWN_MAX]]
    rest = f" and {len(findings) - _SHOWN_MAX} more (`pioche fsck` lists all)" if len(findings) > _SHOWN_MAX else ""
    return ", ".join(shown) + rest


# --- what goes on ---------------------------------------------------------------------------------------------------


def _clock(_config: Config, database: Database) -> Answer:
    """Rows from the future: the clock went back."""
    with database.read() as connection:
        newest = connection.execute(sa.select(sa.func.max(schema.events.c.at))).scalar() or 0
    ahead = newest - now_ms()
    if ahead > _AHEAD_MS:
        text = f"The newest event is {ahead // 1000} s in the future: this machine's clock went back"
        return bad("clock of rows", text, "Set the clock by NTP")
    return good("clock of rows", "No row is from the future")


def _facts(_config: Config, database: Database) -> Answer:
    """After an upgrade: how far all repos were looked at anew."""
    place = deriving.place_of(database)
    if place is None:
        return good("facts", "What repos tell of themselves is derived as this version does")
    share = 100 * deriving.share_done(database, place)
    text = f"Derived anew since an upgrade, in the background: {share:.1f} % of the repos are done"
    return note("facts", text, "Lists may lack new filters until it is done; `pioche facts` does it at once")


def _jobs(_config: Config, database: Database) -> Answer:
    jobs = schema.jobs
    query = sa.select(jobs.c.kind, sa.func.count()).where(jobs.c.state == "failed").group_by(jobs.c.kind)
    with database.read() as connection:
        failed = connection.execute(query.order_by(jobs.c.kind)).all()
        waiting = connection.execute(sa.select(sa.func.count()).where(jobs.c.state == "waiting")).scalar() or 0
    if failed:
        text = "Given up: " + ", ".join(f"{count} {kind}" for kind, count in failed)
        return bad("jobs", text, "`pioche fsck` shows their errors, the log has the traces")
    return good("jobs", f"{waiting} wait, none was given up")


def _leases(_config: Config, database: Database) -> Answer:
    leases = schema.leases
    with database.read() as connection:
        held = connection.execute(sa.select(leases.c.name, leases.c.what).where(leases.c.until > now_ms())).all()
    if held:
        return good("leases", "At work: " + ", ".join(f"{row.what} ({row.name})" for row in held))
    return good("leases", "Nobody collects, backs up or scrubs at this moment")


def _quarantine(_config: Config, database: Database) -> Answer:
    table, contents = schema.quarantine, schema.contents
    with database.read() as connection:
        corrupt = sorted(connection.execute(sa.select(table.c.key).where(table.c.reason == "corrupt")).scalars())
        lost = connection.execute(sa.select(sa.func.count()).where(contents.c.kind == "lost")).scalar() or 0
    if corrupt or lost:
        text = f"{len(corrupt)} damaged files were set aside ({', '.join(corrupt[:3])}); {lost} files are lost"
        return (bad if lost else note)("quarantine", text, "`pioche fsck` says how to bring each back")
    return good("quarantine", "Nothing damaged was found")


def _scrubbed(config: Config, database: Database) -> Answer:
    known = scrub.notes(database)
    if not (config.scrub_days and config.scrub_bytes_per_second):
        return note("scrub", "Turned off: bits that rot stay unseen", "Set scrub_days and scrub_bytes_per_second")
    under_way = f"; one is under way, {known.now.items} items so far" if known.now else ""
    if known.last is None or known.last.finished_at is None:
        return good("scrub", f"None was finished yet{under_way}")
    text = f"The last one ended {_ago(known.last.finished_at)}, after {known.last.items} items{under_way}"
    found = (*known.last.found, *(known.now.found if known.now else ()))
    if found:
        subjects = ", ".join(f"{one.subject} ({one.kind})" for one in found[:3])
        return note(
            "scrub", f"{text}; it found {len(found)} damaged: {subjects}", "`pioche fsck` says what is left to do"
        )
    return good("scrub", f"{text}; it found no damage")


def _backup(_config: Config, database: Database) -> Answer:
    text = instance.noted(database, BACKUP_NOTE)
    at, _, which = (text or "").partition(" ")
    if not at.isdigit():
        return note("backup", "None was ever made", "`pioche backup DESTINATION`, every day, to another machine")
    if now_ms() - int(at) > _BACKUP_DAYS * _DAY_MS:
        return note("backup", f"The last one was made {_ago(int(at))} ({which})", "Make one every day")
    return good("backup", f"The last one was made {_ago(int(at))} ({which})")


def _ago(at: int) -> str:
    hours = max(0, now_ms() - at) // 3_600_000
    return f"{hours // 24} days ago" if hours >= 48 else f"{hours} hours ago" if hours else "less than an hour ago"
