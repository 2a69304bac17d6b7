"""`pioche fsck`."""

from typing import Annotated

from cyclopts import Parameter

from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.cli.progress import bars
from pioche.jobs import leases
from pioche.upkeep.fsck.database import page_faults
from pioche.upkeep.fsck.examination import examine
from pioche.upkeep.fsck.findings import Finding, Report
from pioche.upkeep.fsck.scene import Scene, find_repos
from pioche.upkeep.progress import Progress

_WAIT_SECONDS = 30


def fsck(
    *,
    deep: Annotated[bool, Parameter(negative=())] = False,
    repair: Annotated[bool, Parameter(negative=())] = False,
    repo: tuple[str, ...] = (),
    options: Options = DEFAULT,
) -> int:
    """Check that everything the hub holds is there and right. Exit code 0: it is; 1: damage remains.

    Works while the hub runs. What is found is a table, or JSON; docs/guide/damage.md tells of each kind.

    Parameters
    ----------
    deep
        Read all bytes, and compute every hash again.
    repair
        Mend what can be mended; for the rest, say what a person has to do.
    repo
        Only these repos: NAMESPACE/NAME, with datasets/, spaces/ or buckets/ in front for those. Can be repeated.
    """
    with options.hub_as_it_is() as hub, bars() as progress:
        only = find_repos(hub.database, repo) if repo else None
        scene = Scene(hub.config, hub.database, hub.blobs, only)
        if not repair:
            report = examine(scene, deep=deep, repair=False, progress=progress)
        else:
            report = _repaired(scene, deep=deep, progress=progress)
    _show(report, json=options.json)
    return 0 if report.is_whole else 1


def _repaired(scene: Scene, *, deep: bool, progress: Progress) -> Report:
    """Nothing is collected, backed up or moved meanwhile."""
    if page_faults(scene.database):  # no lease can be had from it
        return examine(scene, deep=deep, repair=True, progress=progress)
    with leases.held(scene.database, leases.COLLECTION, "fsck --repair", wait_seconds=_WAIT_SECONDS):
        return examine(scene, deep=deep, repair=True, progress=progress)


def _show(report: Report, *, json: bool) -> None:
    rows = [_row(finding) for finding in report.findings]
    if json:
        found = {"whole": report.is_whole, "looked_at": dict(report.looked_at), "findings": rows}
        output.show(found, "", json=True)
        return
    if rows:
        output.table(rows, ("kind", "subject", "detail", "repaired"), json=False)
    for finding in report.findings:
        if finding.done or finding.advice:
            output.show({}, f"\n{finding.kind}: {finding.subject}\n{_told(finding)}", json=False)
    output.show({}, _sum(report), json=False)


def _row(finding: Finding) -> dict[str, object]:
    return {name: getattr(finding, name) for name in Finding.__slots__}


def _told(finding: Finding) -> str:
    return "\n".join(f"  {line}" for line in (finding.meaning, finding.done, finding.advice) if line)


def _sum(report: Report) -> str:
    seen = ", ".join(f"{count} {what}" for what, count in report.looked_at.items())
    open_damage = sum(finding.is_open_damage for finding in report.findings)
    return f"{seen}\n" + (
        "Whole: nothing is damaged." if not open_damage else f"Damage remains: {open_damage} findings."
    )
