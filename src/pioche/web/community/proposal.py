"""What git has of a pull request: its commits, its files, whether and why not it can be merged."""

from dataclasses import dataclass

from pioche.community import people, reading
from pioche.community.reading import Event, Thread
from pioche.git.objects import Commit
from pioche.http.messages import Request, Response
from pioche.names import Oid
from pioche.repos import differences, pulls, refs
from pioche.repos.access import Repo
from pioche.repos.differences import Difference
from pioche.repos.pulls import Sides
from pioche.web.community import entries, frame
from pioche.web.community.entries import Entry
from pioche.web.files.changes import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """`compared` None: there is nothing left to compare. `hindrance` is why it cannot be merged now: draft, conflict, empty,
    gone; empty when it can. `freed` is what deleting its ref gives back, in bytes, None where that cannot be done."""

    thread: Thread
    compared: Sides | None
    commits: list[Commit]
    file_count: int
    conflicts: list[str]
    hindrance: str
    head: Oid | None
    has_ref: bool
    freed: int | None

    @property
    def ref(self) -> str:
        return f"refs/pr/{self.thread.number}"

    @property
    def base(self) -> str:
        return (self.thread.base_ref or "").removeprefix("refs/heads/")


def of(repo: Repo, page: frame.Frame, thread: Thread) -> Proposal:
    """As it is now."""
    pull = thread.pull
    compared = pulls.sides(repo, pull)
    changed = pulls.changes(repo, compared) if compared else []
    conflicts = pulls.conflicting(repo, compared) if compared and thread.merged_as is None else []
    has_ref = refs.find(repo, pull.ref) is not None
    may_delete = page.standing.writes and has_ref and thread.status in ("merged", "closed")
    return Proposal(
        thread=thread,
        compared=compared,
        commits=pulls.commits_of(repo, compared) if compared else [],
        file_count=len(changed),
        conflicts=conflicts,
        hindrance=_hindrance(thread, compared, bool(changed), bool(conflicts)),
        head=compared.head if compared else None,
        has_ref=has_ref,
        freed=pulls.storage(repo, thread.number) if may_delete else None,
    )


def _hindrance(thread: Thread, compared: Sides | None, changes: bool, conflicts: bool) -> str:
    if compared is None:
        return "gone"
    if thread.status == "draft":
        return "draft"
    if conflicts:
        return "conflict"
    return "" if changes else "empty"


async def commits(request: Request) -> Response:
    """GET /{repo}/discussions/{number}/commits."""
    page = await frame.frame(request)
    return await request.run(_commits, request, page)


def _commits(request: Request, page: frame.Frame) -> Response:
    thread, _ = _read(request)
    proposed = of(request.repo, page, thread)
    return frame.drawn(request, "commits.html", page, part="commits", proposed=proposed, **frame.about(page, thread))


async def files(request: Request) -> Response:
    """GET /{repo}/discussions/{number}/files, with the parameters of a commit's page: what it changes, with what was said of
    its lines."""
    page = await frame.frame(request)
    return await request.run(_files, request, page)


def _files(request: Request, page: frame.Frame) -> Response:
    repo, view = request.repo, View.of(request)
    thread, log = _read(request)
    proposed = of(repo, page, thread)
    compared, said = proposed.compared, [Entry(at=one.at, event=one) for one in log if "line" in one.data]
    said = entries.rendered(request, said, compared)
    return frame.drawn(
        request,
        "files.html",
        page,
        part="files",
        proposed=proposed,
        difference=_difference(repo, compared, view) if compared else None,
        view=view,
        side_by_side=differences.side_by_side,
        files_shown=differences.FILES_SHOWN,
        notes=_by_line(said),
        outdated=[one for one in said if one.line is None],
        roles=people.roles(repo, (one.by for one in said if one.by), request.caller),
        **frame.about(page, thread),
    )


def _difference(repo: Repo, compared: Sides, view: View) -> Difference:
    old, new = compared.parted, compared.head
    return differences.between(repo, old, new, page=view.number, only=view.only, showing=view.showing)


def _by_line(said: list[Entry]) -> dict[str, dict[tuple[str, int], list[Entry]]]:
    """By path, then by side and line."""
    found: dict[str, dict[tuple[str, int], list[Entry]]] = {}
    for one in said:
        if one.event is not None and one.line is not None:
            place = one.event.data
            found.setdefault(place["path"], {}).setdefault((place["side"], one.line), []).append(one)
    return found


def _read(request: Request) -> tuple[Thread, list[Event]]:
    """Raises NotFound for a discussion, which has no such page."""
    thread, log = reading.whole(request.repo, frame.number_of(request))
    if not thread.is_pull_request:
        raise frame.nothing_here()
    return thread, log
