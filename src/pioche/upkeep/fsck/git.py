"""A repo's git objects: its folder, its packs and their indexes, and that everything is there that refs lead to."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import Corrupt
from pioche.git import checking, program
from pioche.git.objects import NewObject, ObjectMissing
from pioche.git.packs import sync_folder, write_pack, write_synced
from pioche.git.reading import Reader
from pioche.git.snapshot import Ref, Snapshot
from pioche.names import Oid
from pioche.repos import reachability
from pioche.repos.access import Repo
from pioche.storage.disk import translated
from pioche.upkeep.fsck import kinds
from pioche.upkeep.fsck.findings import CannotMend, Problem
from pioche.upkeep.fsck.scene import Scene, repo_name

_LEFTOVER_SECONDS = 3600
_INDEX_TIMEOUT_S = 3600
_SAVED_AT_ONCE_BYTES = 64 * 2**20
_SHOWN_MAX = 3


def folder_of(repo: Repo) -> Path:
    return repo.stores.git.path(repo.uid)


def roots(scene: Scene, repo: Repo) -> tuple[set[Oid], set[Oid]]:
    """Where every ref is, and where refs were as long as that can be undone."""
    since = now_ms() - scene.config.undo_ref_days * 86_400_000
    with repo.database.read() as connection:
        found = reachability.roots(connection, repo.id, since=since)
    return {oid for pair in found.refs for oid in pair}, set(found.undo)


# --- the folder and its packs ---------------------------------------------------------------------------------------


def files(scene: Scene, repo: Repo, *, deep: bool) -> Iterator[Problem]:
    """What can be seen of a repo's folder without asking which objects are needed."""
    folder = folder_of(repo)
    if not folder.exists():
        return
    name = repo_name(repo)
    if not (folder / "HEAD").exists():
        if _needs_no_file(scene, repo):
            yield Problem(kinds.GIT_LEFTOVER, _place(scene, folder), "a first write was broken off", None)
            return
        yield Problem(kinds.GIT_HEAD, _place(scene, folder / "HEAD"), name, partial(_write_head, folder))
    yield from _indexes(scene, repo, folder, name)
    yield from _packs(scene, repo, deep=deep)
    if deep:
        yield from _loose(scene, repo)
    old = [path for path in checking.leftovers(folder) if _age_seconds(path) > _LEFTOVER_SECONDS]
    if old:
        detail = f"{len(old)} files, such as {old[0].name}"
        yield Problem(kinds.GIT_LEFTOVER, _place(scene, folder), detail, partial(_remove, old))


def _needs_no_file(scene: Scene, repo: Repo) -> bool:
    """Every ref leads to what is computed: a crash left the folder, and the next write begins anew."""
    seed = repo.genesis.objects()
    return all(oid in seed for found in roots(scene, repo) for oid in found)


def _indexes(scene: Scene, repo: Repo, folder: Path, name: str) -> Iterator[Problem]:
    absent = [index for pack in checking.packs(folder) if not (index := pack.with_suffix(".idx")).exists()]
    alone = [index for index in checking.indexes(folder) if not index.with_suffix(".pack").exists()]
    if (absent or alone) and _is_connected(scene, repo):
        # A crash left them; or somebody is about to put the other one there.
        halves = [*alone, *(index.with_suffix(".pack") for index in absent)]
        old = [path for path in halves if _age_seconds(path) > _LEFTOVER_SECONDS]
        if old:
            detail = f"{len(old)} packs without their index, or the reverse, such as {old[0].name}"
            yield Problem(kinds.GIT_LEFTOVER, _place(scene, folder), detail, partial(_remove, old))
        absent = []
    else:
        alone = []
    whole = (index for index in checking.indexes(folder) if index not in alone)
    faults = [(index, fault) for index in whole if (fault := checking.index_fault(index))]
    for index, fault in [*((index, "it is missing") for index in absent), *faults]:
        yield Problem(kinds.GIT_INDEX, _place(scene, index), f"{name}: {fault}", partial(_index_anew, index))


def _is_connected(scene: Scene, repo: Repo) -> bool:
    """Everything that refs lead to is there without the packs that have no index: nobody was told of what is in them."""
    refs, undo = roots(scene, repo)
    names = [Ref(f"refs/heads/{oid}", oid) for oid in sorted(refs | (undo - _collected(scene, repo, undo)))]
    with Snapshot(scene.config.data_dir / "incoming", folder_of(repo), repo.genesis.objects(), names) as snapshot:
        arguments = ["rev-list", "--objects", "--all", "--quiet"]
        return program.run(snapshot.path, arguments, timeout_s=_INDEX_TIMEOUT_S).returncode == 0


def _collected(scene: Scene, repo: Repo, undo: set[Oid]) -> set[Oid]:
    """Those of `undo` that `gc --now` took, which waits for no grace: where it may have been, what is absent is no damage."""
    table = schema.repos
    with scene.database.read() as connection:
        row = connection.execute(sa.select(table.c.epoch, table.c.pruning_at).where(table.c.id == repo.id)).one()
    if row.epoch == 1 and row.pruning_at is None:
        return set()
    objects = Reader(folder_of(repo), repo.genesis.objects())
    return {oid for oid in undo if oid not in objects}


def _packs(scene: Scene, repo: Repo, *, deep: bool) -> Iterator[Problem]:
    for pack in checking.packs(folder_of(repo)):
        fault = checking.pack_fault(pack, scene.pace) if deep else _short_pack_fault(pack)
        if fault:
            detail = f"{repo_name(repo)}: {fault}"
            yield Problem(kinds.GIT_PACK, _place(scene, pack), detail, partial(_save, scene, repo, pack))


def _loose(scene: Scene, repo: Repo) -> Iterator[Problem]:
    for oid, path in checking.loose(folder_of(repo)):
        fault = checking.loose_fault(oid, path, scene.pace)
        if fault:
            detail = f"{repo_name(repo)}: {fault}"
            yield Problem(kinds.GIT_PACK, _place(scene, path), detail, partial(_set_aside, scene, repo, [path]))


def _short_pack_fault(pack: Path) -> str | None:
    """Without reading it: a pack that lost its end is not the one that its index is of."""
    index = pack.with_suffix(".idx")
    if pack.stat().st_size < 32:
        return "it is cut off"
    if not index.exists():
        return None
    with pack.open("rb") as file:
        begins = file.read(4) == b"PACK"
        file.seek(-20, 2)
        ends = file.read() == _named_in(index)
    return None if begins and ends else "it does not begin or end as its index says"


def _named_in(index: Path) -> bytes:
    """The checksum of the pack that an index is of."""
    return index.read_bytes()[-40:-20]


def _place(scene: Scene, path: Path) -> str:
    return str(path.relative_to(scene.config.data_dir))


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


# --- mending files --------------------------------------------------------------------------------------------------


def _write_head(folder: Path) -> str:
    with translated():
        write_synced(folder / "HEAD", [b"ref: refs/heads/main\n"])
        sync_folder(folder)
    return "HEAD was written"


def _index_anew(index: Path) -> str:
    """By git, which reads the pack and computes every name in it."""
    pack = index.with_suffix(".pack")
    if not pack.exists():
        with translated():
            index.unlink(missing_ok=True)
        return "The index was removed: what it listed is gone with its pack"
    fresh = index.with_name(f"tmp_{index.name}")
    done = program.run(index.parent, ["index-pack", "-o", str(fresh), str(pack)], timeout_s=_INDEX_TIMEOUT_S)
    if done.returncode:
        fresh.unlink(missing_ok=True)
        fresh.with_suffix(".rev").unlink(missing_ok=True)
        raise CannotMend("its pack is damaged too")
    with translated():
        fresh.replace(index)
        sync_folder(index.parent)
    return "The index was computed from the pack"


def _save(scene: Scene, repo: Repo, pack: Path) -> str:
    """The objects of a damaged pack that are whole go into a new one, before the damaged one is moved away."""
    index = pack.with_suffix(".idx")
    if not index.exists() or not _has_form(index):
        raise CannotMend("its index is damaged too, so that its objects cannot be told apart")
    wanted = checking.indexed(index)
    saved = 0
    with translated():
        for objects in _readable(Reader(folder_of(repo), repo.genesis.objects()), wanted):
            write_pack(pack.parent, objects)
            saved += len(objects)
    _set_aside(scene, repo, [pack, index])
    return f"{saved} of its {len(wanted)} objects were saved; it was moved to quarantine"


def _has_form(index: Path) -> bool:
    fault = checking.index_fault(index)
    return fault is None or fault == "it is the index of another pack"


def _readable(reader: Reader, wanted: Iterable[Oid]) -> Iterator[list[NewObject]]:
    found, size = list[NewObject](), 0
    for oid in wanted:
        try:
            kind, data = reader.read(oid)
        except (ObjectMissing, Corrupt):
            continue
        found.append((kind, data))
        size += len(data)
        if size > _SAVED_AT_ONCE_BYTES:
            yield found
            found, size = [], 0
    if found:
        yield found


def _set_aside(scene: Scene, repo: Repo, paths: list[Path]) -> str:
    folder = scene.config.data_dir / "quarantine" / "git" / repo.uid
    with translated():
        folder.mkdir(parents=True, exist_ok=True)
        # The index first: without it nobody looks into the pack.
        for path in sorted(paths, key=lambda path: path.suffix != ".idx"):
            path.replace(folder / path.name)
            sync_folder(path.parent)
        sync_folder(folder)
    return "It was moved to quarantine"


def _remove(paths: list[Path]) -> str:
    with translated():
        for path in paths:
            if path.is_dir():
                for inside in sorted(path.rglob("*"), reverse=True):
                    inside.rmdir() if inside.is_dir() else inside.unlink(missing_ok=True)
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
    return f"{len(paths)} files were removed"


# --- objects --------------------------------------------------------------------------------------------------------


def look(scene: Scene, repo: Repo, wanted: set[Oid]) -> checking.Reachable:
    """Everything that `wanted` leads to. Of a repo that nobody wrote to, its computed first commit."""
    key = repo.uid, frozenset(wanted)
    found: checking.Reachable | None = scene.memory.get(key)
    if found is None:
        scene.memory.clear()  # of one repo at a time: these may be a million ids
        found = scene.memory[key] = _look(repo, wanted)
    return found


def _look(repo: Repo, wanted: set[Oid]) -> checking.Reachable:
    seed = repo.genesis.objects()
    if not folder_of(repo).exists() and wanted <= set(seed):
        return checking.Reachable({oid for oid, (kind, _) in seed.items() if kind == "blob"})
    return checking.reachable(repo.stores.git.scratch, folder_of(repo), seed, wanted)


def objects(scene: Scene, repo: Repo, targets: set[Oid]) -> Iterator[Problem]:
    """Every object that is missing or damaged. `targets` are those of refs themselves, which `refs` tells of."""
    here, undo = roots(scene, repo)
    broken = look(scene, repo, here | undo).broken
    if not broken:
        return
    needed = look(scene, repo, here).broken  # the rest is what an undo would need
    for oid, fault in sorted(broken.items()):
        # What `gc --now` took, and what a repair left behind, cannot be undone: that is known.
        if oid not in targets and (oid in needed or oid not in undo):
            kind = kinds.GIT_OBJECT if oid in needed else kinds.UNDO_OBJECT
            mend = partial(_fetch_object, scene, repo, oid)
            yield Problem(kind, f"{repo_name(repo)} object {oid}", fault, mend, _places(scene, repo))


def _places(scene: Scene, repo: Repo) -> dict[str, Callable[[], str]]:
    return {"folder": lambda: _place(scene, folder_of(repo)), "refs": lambda: _some_refs(repo)}


def _some_refs(repo: Repo) -> str:
    refs = schema.refs
    query = sa.select(refs.c.name).where(refs.c.repo_id == repo.id).order_by(refs.c.name)
    with repo.database.read() as connection:
        names = list(connection.execute(query).scalars())
    return ", ".join(names[:_SHOWN_MAX]) + (" and others" if len(names) > _SHOWN_MAX else "")


def _fetch_object(scene: Scene, repo: Repo, oid: Oid) -> str:
    """From the repo's computed first commit, or from any other repo that has it; with what it leads to."""
    mine, seed = Reader(folder_of(repo), {}), repo.genesis.objects()
    pending, fetched = [oid], dict[Oid, NewObject]()
    while pending:
        wanted = pending.pop()
        if wanted not in fetched and not _has(mine, wanted):
            fetched[wanted] = found = seed.get(wanted) or _from_elsewhere(scene, repo, wanted)
            pending += checking.leads_to(wanted, *found)
    if not fetched:
        return "It came with the one that leads to it"
    with translated():
        write_pack(folder_of(repo) / "objects" / "pack", fetched.values())
    return f"{len(fetched)} objects were computed anew, or taken from repos that have them too"


def _has(reader: Reader, oid: Oid) -> bool:
    try:
        reader.read(oid)
    except (ObjectMissing, Corrupt):
        return False
    return True


def _from_elsewhere(scene: Scene, repo: Repo, oid: Oid) -> NewObject:
    """Objects are named by their bytes: one of this name is this one, whoever wrote it."""
    for folder in sorted((scene.config.data_dir / "git").glob("??/*.git")):
        if folder != folder_of(repo):
            with contextlib.suppress(ObjectMissing, Corrupt):
                return Reader(folder, {}).read(oid)
    raise CannotMend("no repo of this hub has it")
