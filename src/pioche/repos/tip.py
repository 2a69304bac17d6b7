"""The rows that describe the tip of the default branch: computed from what changed, stored in the change's transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Lookup
from pioche.git.objects import MODE_FILE, MODE_GITLINK, MODE_TREE, object_id
from pioche.git.pointers import Pointer
from pioche.git.pointers import build as build_pointer
from pioche.git.reading import Change
from pioche.names import Oid, RepoType, Sha256
from pioche.repos.access import Repo
from pioche.repos.facts import observation, records
from pioche.repos.facts.observation import Noticed
from pioche.repos.genesis import Genesis

_BATCH = 500
_FEW = 10
"""So many single look-ups cost less than one statement for all."""
_POINTER = Lookup("SELECT sha256, size FROM pointers WHERE repo_id = :repo AND oid = :oid")
_CHANGED = ("parent", "mode", "oid", "size", "sha256", "pointer_size", "xet_hash", "last_commit")


@dataclass(frozen=True, slots=True)
class Tip:
    """`rows` are put over what is there, `gone` are removed; `noticed` is what the changes mean for the repo's facts."""

    rows: list[dict[str, object]]
    gone: list[str]
    noticed: Noticed


def compute(repo: Repo, old: Oid | None, new: Oid, pointers: Mapping[Oid, Pointer]) -> Tip:
    """What changes in the rows when the tip goes from commit `old` to `new`. Reads git, writes nothing."""
    objects = repo.objects
    new_tree = objects.commit(new).tree
    replaced = list(objects.diff(objects.commit(old).tree if old else None, new_tree))
    # After a force push the commits that rows name may be gone from history: every row is made anew.
    base = old if old and objects.is_ancestor(old, new) else None
    changes = replaced if base == old else list(objects.diff(None, new_tree))
    folders = _folders_above(change.path for change in (*replaced, *changes))
    last = objects.last_commits(new, {change.path for change in changes} | folders, stop=base)
    rows, gone = _file_rows(repo, changes, pointers, last, new)
    gone += [change.path for change in replaced if change.new is None]
    for folder in sorted(folders):
        entry = objects.find(new_tree, folder)
        if entry is None or not entry.is_tree:
            gone.append(folder)
        else:
            rows.append(_row(repo.id, folder, MODE_TREE, entry.oid, 0, last.get(folder, new)))
    still_there = {row["path"] for row in rows}
    # A new repo of models or data holds nothing of interest: what came since its first commit is all there is.
    is_whole = old is None or (old == repo.genesis.commit and repo.repo_id.type is not RepoType.SPACE)
    noticed = observation.notice(repo.repo_id.type, replaced, objects.blob, is_whole=is_whole)
    return Tip(rows, [path for path in dict.fromkeys(gone) if path not in still_there], noticed)


def store(connection: sa.Connection, repo_id: int, tip: Tip) -> None:
    """In the transaction that moves the ref."""
    entries = schema.entries
    for start in range(0, len(tip.gone), _BATCH):
        batch = tip.gone[start : start + _BATCH]
        connection.execute(entries.delete().where(entries.c.repo_id == repo_id, entries.c.path.in_(batch)))
    if tip.rows:
        connection.execute(upsert(connection, entries, ("repo_id", "path"), _CHANGED), tip.rows)
    records.store(connection, repo_id, tip.noticed)


def of_first_commit(repo_id: int, first: Genesis) -> Tip:
    """The rows of a new repo (`repo_id` is its row), whose first commit is computed: a few regular files at the root."""
    rows = list[dict[str, object]]()
    for path, data in first.files().items():
        rows.append(_row(repo_id, path, MODE_FILE, object_id("blob", data), len(data), first.commit))
    readme = first.files().get("README.md")
    return Tip(rows, [], Noticed() if readme is None else observation.notice_readme(readme))


def _folders_above(paths: Iterable[str]) -> set[str]:
    found = set[str]()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def _file_rows(
    repo: Repo, changes: list[Change], pointers: Mapping[Oid, Pointer], last: Mapping[str, Oid], tip: Oid
) -> tuple[list[dict[str, object]], list[str]]:
    objects = repo.objects
    known = _known_pointers(repo, [c.new.oid for c in changes if c.new is not None], pointers)
    contents = repo.stores.contents.find(repo.id, list({pointer.sha256 for pointer in known.values()}))
    rows, gone = list[dict[str, object]](), list[str]()
    for change in changes:
        if change.new is None:
            gone.append(change.path)
            continue
        oid, mode, commit = change.new.oid, change.new.mode, last.get(change.path, tip)
        pointer = known.get(oid)
        if pointer is not None:
            content = contents.get(pointer.sha256)
            row = _row(repo.id, change.path, mode, oid, pointer.size, commit)
            large = {"sha256": pointer.sha256, "pointer_size": len(build_pointer(*pointer))}
            rows.append({**row, **large, "xet_hash": content.xet_hash if content else None})
        else:
            size = 0 if mode == MODE_GITLINK else objects.size(oid)
            rows.append(_row(repo.id, change.path, mode, oid, size, commit))
    return rows, gone


def _row(repo_id: int, path: str, mode: int, oid: Oid, size: int, last_commit: Oid) -> dict[str, object]:
    large = {"sha256": None, "pointer_size": None, "xet_hash": None}
    place = {"repo_id": repo_id, "path": path, "parent": path.rpartition("/")[0]}
    return {**place, "mode": mode, "oid": oid, "size": size, "last_commit": last_commit, **large}


def _known_pointers(repo: Repo, oids: list[Oid], new: Mapping[Oid, Pointer]) -> dict[Oid, Pointer]:
    """The pointers among `oids`: those that come with the change, and those of earlier commits (a revert, a merge)."""
    found = {oid: new[oid] for oid in oids if oid in new}
    table = schema.pointers
    older = [oid for oid in oids if oid not in found]
    if len(older) <= _FEW:
        for oid in older:
            row = repo.database.fetch_one_sync(_POINTER, {"repo": repo.id, "oid": oid})
            if row is not None:
                found[oid] = Pointer(Sha256(row[0]), row[1])
        return found
    with repo.database.read() as connection:
        for start in range(0, len(older), _BATCH):
            batch = older[start : start + _BATCH]
            for row in connection.execute(sa.select(table).where(table.c.repo_id == repo.id, table.c.oid.in_(batch))):
                found[Oid(row.oid)] = Pointer(Sha256(row.sha256), row.size)
    return found
