"""A synthetic catalogue of the public Hub's shape: skewed tags, real-looking names and cards.

    python -m benchmarks.catalog --repos 2000000 --seed 1 --data-dir D

Fills the database of a data folder (made if it is not there; PostgreSQL where PIOCHE_DATABASE_URL says so) with rows only:
each repo stands at its computed first commit. The same seed gives the same catalogue, but for
what was downloaded today, and so trends. 2,000,000 repos have 9.6 million
pairs of repo and tag over 70,000 distinct tags; one repo in thirty is private, one in thirty gated.
"""

import argparse
import itertools
import json
import random
import sys
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from benchmarks import vocabulary as words
from pioche import app, config
from pioche.db import instance, schema
from pioche.db.engine import Database
from pioche.names import DEFAULT_REF, RepoType
from pioche.repos import tip
from pioche.repos.downloads import DAY_MS
from pioche.repos.genesis import Genesis
from pioche.upkeep import ranking

_BATCH = 20_000
_REPOS_PER_OWNER = 8
_STARTED_MS = 1_646_000_000_000  # March 2022
_ENDED_MS = 1_780_000_000_000
_AT_S = 1_646_000_000

Row = tuple[Any, ...]

_ACCOUNTS: tuple[str, ...] = ("id", "uid", "kind", "name", "name_key", "fullname", "must_change_password", "is_admin")
_ACCOUNTS += ("private_by_default", "created_at")
_REPOS: tuple[str, ...] = (
    "id",
    "uid",
    "type",
    "namespace_id",
    "name",
    "full_name",
    "full_key",
    "creator_id",
    "private",
    "gated",
    "sdk",
)
_REPOS += (
    "genesis",
    "epoch",
    "last_number",
    "downloads",
    "downloads_all",
    "likes",
    "trending",
    "used_storage",
    "card",
    "tags",
)
_REPOS += ("created_at", "updated_at")
_REFS = ("repo_id", "name", "target", "commit", "updated_at")
_ENTRIES = ("repo_id", "path", "parent", "mode", "oid", "size", "last_commit")
_DAYS = ("repo_id", "day", "count")
_FACTS = ("repo_id", "pipeline_tag", "library_name", "parameters", "completeness", "summary", "details", "warnings")


class Skewed:
    """Draws words so that the n-th is about n times rarer than the first (Zipf), many at a time."""

    def __init__(self, rng: random.Random, items: Sequence[str], power: float = 1.0) -> None:
        weights = list(itertools.accumulate(1 / (rank + 1) ** power for rank in range(len(items))))
        self._drawn = iter(lambda: rng.choices(items, cum_weights=weights, k=4096), [])
        self._batch: Iterator[str] = iter(())

    def __call__(self) -> str:
        for item in self._batch:
            return item
        self._batch = iter(next(self._drawn))
        return next(self._batch)


@dataclass
class Batch:
    """Rows of some hundred repos, by table."""

    repos: list[Row] = field(default_factory=list)
    refs: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    facts: list[Row] = field(default_factory=list)
    days: list[Row] = field(default_factory=list)


class Catalogue:
    """`owners` and `batches` are to be read once, in this order; ids begin after `first_account` and `first_repo`."""

    def __init__(self, repos: int, seed: int, *, first_account: int = 1, first_repo: int = 1) -> None:
        self._rng = rng = random.Random(seed)
        self._count = repos
        self._first_account, self._first_repo = first_account, first_repo
        self._seed = seed
        self._today = instance.now_ms() // DAY_MS  # what trends depends on the day on which the catalogue is made
        self._owner_names = list[str]()
        self._family, self._size = Skewed(rng, words.FAMILIES), Skewed(rng, words.SIZES)
        self._variant, self._topic = Skewed(rng, words.VARIANTS), Skewed(rng, words.TOPICS, 0.8)
        self._data_word = Skewed(rng, words.DATA_WORDS)
        self._task, self._library = Skewed(rng, words.TASKS), Skewed(rng, words.LIBRARIES, 1.4)
        self._language, self._license = Skewed(rng, words.LANGUAGES, 1.3), Skewed(rng, words.LICENSES, 1.3)
        self._dataset_task = Skewed(rng, words.DATASET_TASKS)
        self._rare = Skewed(rng, list(_rare_tags(rng, 69_500)), 0.95)
        self._sizes, self._formats = Skewed(rng, words.SIZE_CATEGORIES, 0.5), Skewed(rng, words.FORMATS, 1.2)
        self._firsts = {kind: _first(kind) for kind in (RepoType.MODEL, RepoType.DATASET, RepoType.SPACE)}

    def owners(self) -> list[Row]:
        rng, rows = self._rng, list[Row]()
        taken = set[str]()
        for number in range(max(2, self._count // _REPOS_PER_OWNER)):
            kind = "user" if number % 4 else "org"
            name = _owner(rng, kind)
            while name in taken:
                name += rng.choice("0123456789")
            taken.add(name)
            self._owner_names.append(name)
            uid = f"{0xA0 + self._seed % 16:02x}{number:022x}"
            full = name.replace("-", " ").title()
            rows.append((self._first_account + number, uid, kind, name, name, full, False, False, False, _STARTED_MS))
        return rows

    def batches(self) -> Iterator[Batch]:
        done, keys = 0, set[int]()
        while done < self._count:
            batch = Batch()
            for number in range(done, min(self._count, done + _BATCH)):
                self._add(batch, number, keys)
            done += len(batch.repos)
            yield batch

    def _add(self, batch: Batch, number: int, keys: set[int]) -> None:
        rng = self._rng
        draw = rng.random()
        kind = RepoType.MODEL if draw < 0.7 else RepoType.DATASET if draw < 0.9 else RepoType.SPACE
        owner_number = int(len(self._owner_names) * rng.random() ** 2)
        owner = self._owner_names[owner_number]
        name = self._name(kind)
        while (key := zlib.crc32(f"{kind}/{owner}/{name}".lower().encode())) in keys:
            name = f"{name}-{rng.randrange(100_000)}"
        keys.add(key)
        tags, card, facts = self._described(kind, owner, name)
        repo_id = self._first_repo + number
        created = rng.randrange(_STARTED_MS, _ENDED_MS)
        popularity = int(rng.paretovariate(0.6)) if draw < 0.95 else 0
        downloads, likes = min(popularity, 10**9), int(min(popularity, 10**8) ** 0.5 * rng.random())
        text, first = self._firsts[kind]
        full_name, gated = f"{owner}/{name}", _gating(rng)
        names = (self._first_account + owner_number, name, full_name, full_name.lower())
        guard = (None, rng.random() < 1 / 30, gated, "static" if kind is RepoType.SPACE else None)
        today = min(downloads, int(rng.paretovariate(0.8))) if downloads and rng.random() < 0.05 else 0
        score = ranking.trending({0: today}, self._today - created // DAY_MS)
        counts = (text, 1, 0, downloads, downloads * 3, likes, score, downloads * 1000)
        described = (card, json.dumps(tags, ensure_ascii=False), created, rng.randrange(created, _ENDED_MS))
        uid = f"{0xB0 + self._seed % 16:02x}{number:022x}"
        batch.repos.append((repo_id, uid, kind.value, *names, *guard, *counts, *described))
        batch.refs.append((repo_id, DEFAULT_REF, first.commit, first.commit, created))
        for row in (
            tip.of_first_commit(repo_id, first).rows if kind is RepoType.SPACE else self._plain_rows(repo_id, kind)
        ):
            batch.entries.append(tuple(row[column] for column in _ENTRIES))
        batch.facts.append((repo_id, *facts))
        if today:
            batch.days.append((repo_id, self._today, today))

    def _plain_rows(self, repo_id: int, kind: RepoType) -> list[dict[str, object]]:
        """The rows of a first commit, which are the same for all models; making them costs more than all the rest."""
        found = self._rows_of_first.get(kind)
        if found is None:
            found = self._rows_of_first[kind] = tip.of_first_commit(0, self._firsts[kind][1]).rows
        return [{**row, "repo_id": repo_id} for row in found]

    _rows_of_first: dict[RepoType, list[dict[str, object]]] = {}  # noqa: RUF012 - meant to be shared: the same for all catalogues

    def _name(self, kind: RepoType) -> str:
        rng = self._rng
        draw = rng.random()
        if kind is RepoType.DATASET:
            parts = [self._topic(), self._data_word(), *([self._language()] if draw < 0.4 else [])]
        elif kind is RepoType.SPACE:
            parts = [
                self._topic(),
                "demo" if draw < 0.3 else self._family(),
                *([self._variant()] if draw < 0.5 else []),
            ]
        else:
            parts = [self._family(), self._size(), self._variant()]
            if draw < 0.6:
                parts.append(self._topic())
            if draw < 0.2:
                parts.append(self._language())
        if rng.random() < 0.15:
            parts.append("".join(rng.choices(words.SYLLABLES, k=3)))
        text = "-".join(parts)
        return text.title() if rng.random() < 0.3 else text.replace("-", "_") if rng.random() < 0.1 else text

    def _described(self, kind: RepoType, owner: str, name: str) -> tuple[list[str], str, Row]:
        """Tags, card as JSON, and the row of facts without its repo."""
        rng = self._rng
        card = dict[str, Any]()
        tags = list[str]()
        task = library = parameters = None
        if kind is RepoType.MODEL:
            if rng.random() < 0.8:
                library = card["library_name"] = self._library()
                tags.append(library)
            if rng.random() < 0.7:
                task = card["pipeline_tag"] = self._task()
                tags.append(task)
            if rng.random() < 0.6:
                parameters = int(10 ** rng.uniform(6, 11.2))
        elif kind is RepoType.DATASET:
            card["task_categories"] = [self._dataset_task()]
            card["size_categories"] = [self._sizes()]
            tags += [f"task_categories:{card['task_categories'][0]}", f"size_categories:{card['size_categories'][0]}"]
            tags.append(f"format:{self._formats()}")
        if rng.random() < 0.5:
            card["language"] = [self._language()]
            tags += card["language"]
        if rng.random() < 0.55:
            card["license"] = self._license()
            tags.append(f"license:{card['license']}")
        card["tags"] = [self._rare() for _ in range(int(rng.expovariate(1 / 2.6)))]
        tags = list(dict.fromkeys([*tags, *card["tags"]]))
        summary = self._summary(owner, name, task or "research")
        facts = (task, library, parameters, rng.randrange(101), summary, "{}", "[]")
        return tags, json.dumps(card, ensure_ascii=False), facts

    def _summary(self, owner: str, name: str, task: str) -> str:
        rng = self._rng
        chosen = rng.sample(words.SENTENCES, rng.randrange(1, 3))
        values = {"name": name, "owner": owner, "task": task, "size": self._size(), "topic": self._topic()}
        values |= {"family": self._family(), "language": self._language()}
        score, second = f"{rng.random():.3f}", f"{rng.random():.3f}"
        return " ".join(text.format(**values, score=score, score2=second) for text in chosen)


def _first(kind: RepoType) -> tuple[str, Genesis]:
    sdk = "static" if kind is RepoType.SPACE else ""
    first = Genesis("catalogue", _AT_S, kind.value, "Space" if sdk else "", sdk)
    return first.dump(), first


def _gating(rng: random.Random) -> str:
    draw = rng.random()
    return "auto" if draw < 1 / 50 else "manual" if draw < 1 / 30 else ""


def _owner(rng: random.Random, kind: str) -> str:
    if kind == "org":
        return "".join(rng.choices(words.SYLLABLES, k=rng.randrange(2, 5))) + "-" + rng.choice(words.OWNERS)
    name = rng.choice(words.PEOPLE)
    return name + rng.choice(("", "-", "_")) + "".join(rng.choices(words.SYLLABLES, k=rng.randrange(2, 4)))


def _rare_tags(rng: random.Random, count: int) -> Iterator[str]:
    """Domains, datasets, base models, papers: most of a hub's distinct tags are of these."""
    yield from (
        "endpoints_compatible",
        "autotrain_compatible",
        "region:us",
        "has_space",
        "tensorboard",
        "conversational",
    )
    yield from (topic for topic in words.TOPICS)
    seen = set[str]()
    while len(seen) < count:
        draw = rng.random()
        word = "".join(rng.choices(words.SYLLABLES, k=3))
        if draw < 0.35:
            tag = f"dataset:{rng.choice(words.PEOPLE)}{word}/{rng.choice(words.TOPICS)}-{rng.choice(words.DATA_WORDS)}"
        elif draw < 0.8:
            base = f"{word}/{rng.choice(words.FAMILIES)}-{rng.choice(words.SIZES)}"
            tag = f"base_model:{rng.choice(('', 'finetune:', 'quantized:', 'adapter:'))}{base}"
        elif draw < 0.9:
            tag = f"arxiv:{rng.randrange(1501, 2512)}.{rng.randrange(20_000):05d}"
        else:
            tag = f"{word}-{rng.choice(words.TOPICS)}"
        if tag not in seen:
            seen.add(tag)
            yield tag


# --- into the database ----------------------------------------------------------------------------------------------


def fill(settings: config.Config, repos: int, seed: int, *, is_quiet: bool = True) -> None:
    """Adds the catalogue to whatever is there. Not while a hub runs on the data folder."""
    app.prepare(settings)
    database = Database(settings)
    try:
        with database.read() as connection:
            first_account = (connection.execute(sa.select(sa.func.max(schema.accounts.c.id))).scalar() or 0) + 1
            first_repo = (connection.execute(sa.select(sa.func.max(schema.repos.c.id))).scalar() or 0) + 1
        catalogue = Catalogue(repos, seed, first_account=first_account, first_repo=first_repo)
        writer = _Sqlite(settings) if settings.database_is_sqlite else _Postgres(settings)
        began = time.monotonic()
        with writer:
            writer.add("accounts", _ACCOUNTS, catalogue.owners())
            done = 0
            for batch in catalogue.batches():
                writer.add("repos", _REPOS, batch.repos)
                writer.add("refs", _REFS, batch.refs)
                writer.add("entries", _ENTRIES, batch.entries)
                writer.add("facts", _FACTS, batch.facts)
                writer.add("downloads", _DAYS, batch.days)
                done += len(batch.repos)
                if not is_quiet:
                    print(f"{done:,} of {repos:,} repos, {time.monotonic() - began:.0f} s", flush=True)
    finally:
        database.close()


class _Sqlite:
    """One transaction, without waiting for the disk: a catalogue that breaks off is made again."""

    def __init__(self, settings: config.Config) -> None:
        import sqlite3

        self._connection = sqlite3.connect(settings.data_dir / "pioche.db", isolation_level=None)

    def __enter__(self) -> None:
        for pragma in ("synchronous=OFF", "cache_size=-200000", "foreign_keys=OFF"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
        self._connection.execute("ANALYZE")
        self._connection.close()

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


class _Postgres:
    def __init__(self, settings: config.Config) -> None:
        import psycopg

        self._connection = psycopg.connect(settings.database_url)

    def __enter__(self) -> None:
        self._connection.execute("SET LOCAL synchronous_commit = off")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            for table in ("accounts", "repos"):
                self._connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))".encode()
                )
            self._connection.commit()
            self._connection.autocommit = True
            self._connection.execute("ANALYZE")
        self._connection.close()

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({names}) FROM STDIN".encode()) as copy,
        ):
            for row in rows:
                copy.write_row(row)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repos", type=int, default=10_000, help="how many repos (10,000)")
    options.add_argument("--seed", type=int, default=1, help="another seed, another catalogue (1)")
    options.add_argument("--data-dir", required=True, help="the data folder")
    given = options.parse_args()
    fill(config.load({"data_dir": given.data_dir}), given.repos, given.seed, is_quiet=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
