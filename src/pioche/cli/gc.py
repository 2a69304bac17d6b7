"""`pioche gc`."""

from dataclasses import asdict, fields
from typing import Annotated, Any

from cyclopts import Parameter

from pioche.accounts.callers import Caller
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.cli.progress import bars
from pioche.cli.repos import parse
from pioche.http.hub import Hub
from pioche.jobs import leases
from pioche.repos.access import Action
from pioche.upkeep.collection import usage
from pioche.upkeep.collection.options import Options as Wanted
from pioche.upkeep.collection.report import Report
from pioche.upkeep.collection.run import Collector
from pioche.upkeep.collection.usage import Usage

Flag = Annotated[bool, Parameter(negative=())]
_WAIT_SECONDS = 30


def gc(*, dry_run: Flag = False, now: Flag = False, repo: tuple[str, ...] = (), options: Options = DEFAULT) -> None:
    """Free the space of what nobody can reach any more.

    Safe while the hub serves. What it takes out of use waits in quarantine for the setting gc_grace_hours; deleted repos
    go after undo_repo_hours, and what they alone held goes with them at once.

    Parameters
    ----------
    dry_run
        Only say how much would come free, and why.
    now
        Without any grace: deleted repos, overwritten refs and uploads that were not committed are gone for good. Uploads
        that are under way may have to be begun again.
    repo
        Only what this repo holds or held (may be given again): NAMESPACE/NAME, with datasets/ or spaces/ in front for
        those, or the uid of a deleted repo.
    """
    with options.hub() as hub:
        wanted = Wanted(dry_run=dry_run, now=now, repo_ids=_repo_ids(hub, repo))
        collector = Collector(hub.config, hub.database, hub.blobs, hub.access.stores.git)
        with bars() as progress:
            if dry_run:
                report = collector.run(wanted, progress=progress)
            else:
                collector.make_room()
                with leases.held(hub.database, leases.COLLECTION, "gc", wait_seconds=_WAIT_SECONDS) as lease:
                    report = collector.run(wanted, still_held=lease.check, progress=progress)
        held = usage.measure(hub.database)
        output.show(_found(report, held), _text(report, held), json=options.json)


def _repo_ids(hub: Hub, names: tuple[str, ...]) -> tuple[int, ...] | None:
    """None: all."""
    if not names:
        return None
    operator = Caller.operator()
    return tuple(
        hub.access.open_sync(operator, parse(name), Action.MANAGE).id
        if "/" in name
        else hub.access.open_deleted_sync(operator, name, Action.MANAGE).id
        for name in names
    )


def _found(report: Report, held: Usage) -> dict[str, Any]:
    values = {one.name: getattr(report, one.name) for one in fields(report)}
    plain = {name: dict(value) if isinstance(value, dict) else value for name, value in values.items()}
    return {**plain, "total": report.total, "usage": asdict(held)}


def _text(report: Report, held: Usage) -> str:
    would = "would " if report.dry_run else ""
    lines = [f"{_size(report.total)} {would}go out of use."]
    lines += [f"  {_size(size):>12}  {reason} ({report.items[reason]})" for reason, size in _largest(report.by_reason)]
    if report.by_repo:
        lines.append("Of these, by repo:")
        lines += [f"  {_size(size):>12}  {name}" for name, size in _largest(report.by_repo)]
    lines.append(f"{_size(report.freed)} {'would be' if report.dry_run else 'are'} free now.")
    if report.waiting:
        lines.append(f"{_size(report.waiting)} wait in quarantine.")
    if report.rewritten:
        lines.append(f"{_size(report.rewritten)} were written anew, to free what was dead between them.")
    if report.remembered:
        lines.append(f"{_size(report.remembered)} are kept for clients that remember them; --now frees them.")
    lines += [f"Left out: {why}" for why in report.skipped]
    lines.append("Stored: " + ", ".join(f"{kind} {_size(size)}" for kind, size in held.stored.items()) + ".")
    if held.deleted_repos:
        lines.append(f"{_size(held.deleted_repos)} are held by deleted repos alone.")
    lines += [f"  {_size(size):>12}  {name}" for name, size in _largest(held.namespaces)]
    return "\n".join(lines)


def _largest(sizes: dict[str, int], most: int = 20) -> list[tuple[str, int]]:
    pairs = [(name, size) for name, size in sizes.items() if size]
    return sorted(((name, size) for name, size in pairs), key=lambda pair: (-pair[1], pair[0]))[:most]


def _size(count: int) -> str:
    """For people: 1536 is 1.5 KiB."""
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{count} B" if units[0] == "B" else f"{size:.1f} {units[0]}"
