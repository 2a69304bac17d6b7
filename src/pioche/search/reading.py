"""Keeping the index of cards true: all cards are read once, in the background and slowly; after that, those that change.

How far it has come is written beside the index, so that a restart goes on from there. The files are this process's alone:
nodes that share a data folder have one index each.
"""

import fcntl
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import sqlalchemy as sa

from pioche.accounts import audiences
from pioche.db import instance, schema
from pioche.db.engine import Database
from pioche.errors import HubError, Unavailable
from pioche.git.objects import MODE_TREE, ObjectMissing
from pioche.git.store import GitStore
from pioche.names import LISTED, Oid, RepoType
from pioche.observe import log
from pioche.repos.genesis import Genesis
from pioche.search import cardtext, following
from pioche.search.cards import CardIndex, CardText
from pioche.search.following import Stream
from pioche.search.rows import HIDDEN

_FORMAT = 3
_BATCH = 50
_COMMITTED_EVERY = 4_000
_NODES_MAX = 64
_PAUSE_SECONDS = 0.3
_RETRY_SECONDS = 5.0
_README_BYTES_MAX = 4 * 2**20
_APP_BYTES_MAX = 2**20

_repos, _facts, _entries = schema.repos, schema.facts, schema.entries
_README = sa.and_(_entries.c.repo_id == _repos.c.id, _entries.c.path == "README.md", _entries.c.sha256.is_(None))
_CARDS = (
    sa.select(
        *(_repos.c[name] for name in ("id", "uid", "epoch", "genesis", "full_name", "tags")),
        HIDDEN,
        audiences.AUDIENCE.label("audience"),
        *(_repos.c[name] for name in ("downloads", "type", "sdk", "card", "gated")),
        _facts.c.summary,
        _entries.c.oid,
        _entries.c.size,
    )
    .select_from(_repos.outerjoin(_facts, _facts.c.repo_id == _repos.c.id).outerjoin(_entries, _README))
    .where(_repos.c.deleted_at.is_(None), _repos.c.type.in_([kind.value for kind in LISTED]))
)


class State(msgspec.Struct):
    """`last`: repos up to this row are in it, as of the event at (`txid`, `event_id`). `whole`: all are."""

    format: int
    instance: str
    txid: int
    event_id: int
    last: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of the cards is in the index, 0 to 1."""

    share: float = 0.0


class Reader:
    """`start` begins a thread of its own, `stop` ends it. `cards` is there once the folder is; `progress` says how far."""

    def __init__(self, database: Database, git: GitStore, cache: Path) -> None:
        self._database = database
        self._git = git
        self._cache = cache
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cards", daemon=True)
        self.cards: CardIndex | None = None
        self.progress = Progress()
        self.generation = 0
        """Another one after each change of the index."""

    @property
    def is_whole(self) -> bool:
        return self.cards is not None and self.progress.share >= 1

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        folder: Path | None = None
        while not self._stopping.is_set():
            try:
                folder = folder or self._folder()
                self._keep(folder)
            except (HubError, OSError, ValueError) as error:  # tantivy says ValueError when the disk is full, too
                log.fault("index of cards not updated", error)
                self._stopping.wait(_RETRY_SECONDS)

    def _keep(self, folder: Path) -> None:
        self.cards = None  # a folder has one writer: that of an attempt that failed goes first
        self.cards = cards = CardIndex(folder)
        state = self._state(folder, cards)
        stream = Stream(self._database, (state.txid, state.event_id))
        self._read_all(folder, cards, state)
        while not self._stopping.is_set():
            self._follow(folder, cards, state, stream)
            self._stopping.wait(_PAUSE_SECONDS)

    def _folder(self) -> Path:
        """The first one that no other node has. Its lock is held as long as this process lives."""
        for number in range(_NODES_MAX):
            folder = self._cache / f"text-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            return folder / f"v{_FORMAT}"
        raise Unavailable("Too many processes have an index of cards in this data folder")

    def _state(self, folder: Path, cards: CardIndex) -> State:
        """Where to go on, or a new beginning: of another database, or when events that are missing were pruned."""
        now = following.end(self._database)
        identity = f"{instance.identity(self._database)}:{instance.epoch(self._database)}"
        try:
            state = msgspec.json.decode((folder / "state.json").read_bytes(), type=State)
            if state.format == _FORMAT and state.instance == identity and self._remembers(state.event_id, now):
                return state
        except (FileNotFoundError, msgspec.MsgspecError):
            pass
        cards.clear()
        return State(_FORMAT, identity, *now)

    def _remembers(self, event_id: int, now: following.Position) -> bool:
        with self._database.read() as connection:
            oldest = connection.execute(sa.select(sa.func.min(schema.events.c.id))).scalar()
        return event_id == now[1] or (oldest is not None and oldest <= event_id + 1 <= now[1] + 1)

    def _save(self, folder: Path, cards: CardIndex, state: State) -> None:
        """After the index is on disk: what is read twice does no harm, what is passed over does."""
        cards.commit()
        self.generation += 1
        draft = folder / "state.json.new"
        draft.write_bytes(msgspec.json.encode(state))
        draft.replace(folder / "state.json")

    def _read_all(self, folder: Path, cards: CardIndex, state: State) -> None:
        """Half of the time it rests: whoever asks comes first."""
        with self._database.read() as connection:
            largest = connection.execute(sa.select(sa.func.max(_repos.c.id))).scalar() or 0
        read = 0
        while not state.whole and not self._stopping.is_set():
            began = time.monotonic()
            found = self._cards(_CARDS.where(_repos.c.id > state.last).order_by(_repos.c.id).limit(_BATCH))
            _put(cards, found)
            state.whole = len(found) < _BATCH
            state.last = found[-1].id if found else state.last
            read += len(found)
            if state.whole or read >= _COMMITTED_EVERY:
                read = 0
                self._save(folder, cards, state)
            self.progress = Progress(min(0.99, state.last / max(1, largest)))
            self._stopping.wait(min(0.1, time.monotonic() - began))
        if state.whole:
            self.progress = Progress(1.0)

    def _follow(self, folder: Path, cards: CardIndex, state: State, stream: Stream) -> None:
        news = stream.take()
        if news.repos:
            found = self._cards(_CARDS.where(_repos.c.id.in_(news.repos)))
            _put(cards, found)
            for repo_id in set(news.repos) - {card.id for card in found}:
                cards.remove(repo_id)
        stream.passed()
        if news.repos:
            state.txid, state.event_id = stream.position
            self._save(folder, cards, state)

    def _cards(self, query: "sa.Select[tuple[object, ...]]") -> list[CardText]:
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            apps = _apps(connection, rows)
        return [self._card(row, apps.get(row.id)) for row in rows]

    def _card(self, row: "sa.Row[tuple[object, ...]]", app: str | None) -> CardText:
        name = row.full_name.replace("/", " ").replace("-", " ").replace("_", " ").replace(".", " ")
        about = " ".join((row.full_name, name, *msgspec.json.decode(row.tags, type=list[str])))
        text = self._text(row) or row.summary or ""
        if app is not None:
            text = f"{text} {self._app_text(row, app)}"
        return CardText(row.id, row.audience, bool(row.private), row.downloads, about, text)

    def _app_text(self, row: "sa.Row[tuple[object, ...]]", oid: str) -> str:
        try:
            return cardtext.of_app(self._git.open(row.uid, generation=row.epoch).blob(Oid(oid)))
        except ObjectMissing:  # as below
            return ""

    def _text(self, row: "sa.Row[tuple[object, ...]]") -> str:
        if row.oid is None or row.size > _README_BYTES_MAX:
            return ""
        if not self._git.exists(row.uid):
            return cardtext.of_readme(Genesis.load(row.genesis).files().get("README.md", b""))
        try:
            return cardtext.of_readme(self._git.open(row.uid, generation=row.epoch).blob(row.oid))
        except ObjectMissing:  # it has changed since: its event is yet to come
            return ""


def _apps(connection: sa.Connection, rows: "Sequence[sa.Row[tuple[object, ...]]]") -> dict[int, str]:
    """The blob of the file that each Space runs (ui.md L6), by the Space's row. Of what is gated no bytes are told."""
    wanted = {row.id: _app_file(row) for row in rows if row.type == RepoType.SPACE.value and not row.gated}
    if not wanted:
        return {}
    here = _entries.c.repo_id.in_(wanted), _entries.c.path.in_(set(wanted.values()))
    small = _entries.c.sha256.is_(None), _entries.c.size <= _APP_BYTES_MAX, _entries.c.mode != MODE_TREE
    query = sa.select(_entries.c.repo_id, _entries.c.path, _entries.c.oid).where(*here, *small)
    return {row.repo_id: row.oid for row in connection.execute(query) if wanted[row.repo_id] == row.path}


def _app_file(row: "sa.Row[tuple[object, ...]]") -> str:
    """What the card says, else what the Hub's documentation says of its SDK."""
    declared = msgspec.json.decode(row.card, type=dict[str, object]).get("app_file")
    if isinstance(declared, str) and declared:
        return declared
    return "index.html" if row.sdk == "static" else "app.py"


def _put(cards: CardIndex, found: Sequence[CardText]) -> None:
    for card in found:
        cards.put(card)
