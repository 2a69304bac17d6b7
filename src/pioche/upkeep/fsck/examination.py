"""One examination: every part of the hub in turn, each problem confirmed, and mended where that is asked for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from pioche.db import schema
from pioche.errors import HubError
from pioche.repos.access import Repo
from pioche.upkeep.fsck import contents, counters, database, derived, git, kinds, leftovers, refs, xet_files, xorbs
from pioche.upkeep.fsck.findings import CannotMend, Finding, Problem, Report
from pioche.upkeep.fsck.scene import Scene, repo_name
from pioche.upkeep.progress import SILENT, Progress, each

Unit = Callable[[], Iterable[Problem]]
"""One look at one part. Called again when it found something: what is on its way is not damage."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Units of one sort, with a title for people. `units` is called when the phase begins: repairs were made before."""

    title: str
    units: Callable[[], list[Unit]]


def examine(scene: Scene, *, deep: bool, repair: bool, progress: Progress = SILENT) -> Report:
    """Looks at everything, or at the repos that the scene is about. `deep` reads all bytes.

    With `repair` the caller holds the lease that keeps collection away. Raises Unavailable when a store does not answer.
    """
    return _examine(scene, _phases(scene, deep=deep), repair=repair, progress=progress)


def glance(scene: Scene, *, progress: Progress = SILENT) -> Report:
    """Whether rows and bytes are of one age: what rows name and is not there, and what is there and no row names.

    Reads no bytes and looks through no repo's history: a few milliseconds a repo.
    """
    return _examine(scene, _glances(scene), repair=False, progress=progress)


def _glances(scene: Scene) -> Iterator[Phase]:
    yield Phase("Large files", lambda: _by_prefix(scene, schema.contents, contents.sizes))
    yield Phase("Xorbs", lambda: _by_prefix(scene, schema.xorbs, xorbs.sizes))
    yield Phase("Rows of large files", lambda: [partial(contents.rows, scene), partial(xet_files.rows, scene)])
    yield Phase("Lost files", lambda: _by_prefix(scene, schema.contents, contents.lost))
    look: _Part = partial(refs.examine, scene)
    yield Phase("Refs", lambda: [partial(_repo, scene, number, look) for number in scene.repo_ids()])
    yield Phase("Leftovers", lambda: list(_unknown(scene)))


def _examine(scene: Scene, phases: Iterator[Phase], *, repair: bool, progress: Progress) -> Report:
    findings = list[Finding]()
    for phase in phases:
        units = phase.units()
        progress.begin(phase.title, len(units))
        for unit in each(progress, units):
            findings += [_finding(scene, problem, repair=repair) for problem in _confirmed(scene, unit)]
        if any(finding.kind in _FATAL and not finding.repaired for finding in findings):
            break  # nothing that follows could be believed
    return Report(tuple(findings), dict(scene.looked_at))


_FATAL = (kinds.DATABASE_PAGES.code, kinds.SCHEMA.code)


_OF_ROWS = (database.references, database.essentials, counters.all_counters)


def _phases(scene: Scene, *, deep: bool) -> Iterator[Phase]:
    if scene.only is None:
        yield Phase("Database", lambda: [partial(look, scene) for look in (database.pages, database.tables)])
        yield Phase(
            "Rows",
            lambda: [
                partial(look, scene) for look in (database.references, database.essentials, counters.all_counters)
            ],
        )
    yield from _storage(scene, deep=deep)
    yield Phase("Repos", lambda: _repos(scene, deep=deep))
    if scene.only is None:
        yield Phase("Leftovers", lambda: list(_leftovers(scene, deep=deep)))


def _storage(scene: Scene, *, deep: bool) -> Iterator[Phase]:
    yield Phase("Large files", lambda: _by_prefix(scene, schema.contents, contents.sizes))
    yield Phase("Xorbs", lambda: _by_prefix(scene, schema.xorbs, xorbs.sizes))
    if deep:
        yield Phase("Bytes of large files", lambda: _blob_readings(scene))
        yield Phase("Bytes of xorbs", lambda: _xorb_readings(scene))
        yield Phase("Bytes of shards", lambda: _shard_readings(scene))
    yield Phase("Rows of large files", lambda: [partial(contents.rows, scene), partial(xet_files.rows, scene)])
    yield Phase("Terms", lambda: _by_prefix(scene, schema.xet_files, xet_files.terms))
    yield Phase("Parts of files", lambda: _by_prefix(scene, schema.xet_files, xet_files.parts))
    if deep:
        yield Phase("Files made of chunks", lambda: _joinings(scene))
    # What was lost above, and what came back.
    yield Phase("Lost files", lambda: _by_prefix(scene, schema.contents, contents.lost))
    yield Phase("Chunk index", lambda: _by_prefix(scene, schema.xorbs, xorbs.index))


def _by_prefix(scene: Scene, table: sa.Table, look: Callable[[Scene, str], Iterable[Problem]]) -> list[Unit]:
    return [partial(look, scene, prefix) for prefix in scene.prefixes(table)]


def _blob_readings(scene: Scene) -> list[Unit]:
    files = contents.whole_files(scene, "")
    return [partial(contents.hashes, scene, sha256, size) for sha256, size in files]


def _xorb_readings(scene: Scene) -> list[Unit]:
    return [partial(xorbs.decoded, scene, name) for name in xorbs.names(scene)]


def _shard_readings(scene: Scene) -> list[Unit]:
    names = xet_files.shard_names(scene, "") if scene.only is None else []
    return [partial(xet_files.shard, scene, name) for name in names]


def _joinings(scene: Scene) -> list[Unit]:
    return [partial(xet_files.joined, scene, *file) for file in xet_files.chunked_files(scene, "")]


def _leftovers(scene: Scene, *, deep: bool) -> Iterator[Unit]:
    yield from _unknown(scene)
    yield from (partial(look, scene) for look in (leftovers.quarantined, leftovers.uploads, database.stuck))
    yield partial(leftovers.caches, scene, deep=deep)


def _unknown(scene: Scene) -> Iterator[Unit]:
    for folder, column in leftovers.PLACES:
        yield from (partial(leftovers.stored, scene, folder, column, prefix) for prefix in scene.prefixes(column.table))
    yield partial(leftovers.git_folders, scene)


# --- repos ----------------------------------------------------------------------------------------------------------


_Part = Callable[[Repo], Iterable[Problem]]


def _repos(scene: Scene, *, deep: bool) -> list[Unit]:
    parts = _parts(scene, deep=deep)
    return [partial(_repo, scene, number, part) for number in scene.repo_ids() for part in parts]


def _repo(scene: Scene, number: int, part: _Part) -> Iterable[Problem]:
    """One part of one repo, which is opened anew: what was mended before counts."""
    repo = scene.repo(number)
    return part(repo) if repo is not None else ()


def _parts(scene: Scene, *, deep: bool) -> tuple[_Part, ...]:
    return (
        lambda repo: _counted(scene, git.files(scene, repo, deep=deep)),
        partial(refs.examine, scene),
        lambda repo: git.objects(scene, repo, {row.target for row in refs.all_rows(repo)}),
        partial(derived.pointers, scene),
        lambda repo: xet_files.links(scene, repo.id, repo_name(repo)),
        partial(derived.bucket_files, scene),
        partial(derived.entries, scene, deep=deep),
        partial(derived.card, scene),
        partial(derived.used_storage, scene),
        partial(derived.git_storage, scene),
    )


def _counted(scene: Scene, problems: Iterable[Problem]) -> Iterable[Problem]:
    scene.count("repos")
    return problems


# --- problems -------------------------------------------------------------------------------------------------------


def _confirmed(scene: Scene, unit: Unit) -> list[Problem]:
    """What two looks find."""
    first = {problem.key for problem in unit()}
    if not first:
        return []
    counted = dict(scene.looked_at)
    scene.memory.clear()
    again = [problem for problem in unit() if problem.key in first]
    scene.looked_at.update(counted)
    return again


def _finding(scene: Scene, problem: Problem, *, repair: bool) -> Finding:
    kind, repaired, done, detail = problem.kind, False, "", problem.detail
    if repair and problem.mend is not None:
        try:
            done, repaired = problem.mend(), True
        except CannotMend as reason:
            done = f"Not repaired: {reason}"
        except HubError as error:
            done = f"Not repaired: {error.message}"
        scene.memory.clear()
    advice = "" if repaired else problem.manual()
    if not repair and problem.mend is not None:
        machine = f"Run `pioche fsck --repair`. {kind.repair}"
        advice = f"{machine} Where that is not enough: {advice}" if advice else machine
    return Finding(kind.code, kind.damage, problem.subject, kind.meaning, detail, repaired, done, advice)
