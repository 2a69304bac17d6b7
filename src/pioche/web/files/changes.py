"""What a commit changed, and what differs between two revisions."""

from dataclasses import dataclass
from typing import Any

from pioche.errors import BadRequest
from pioche.git.comparing import Showing
from pioche.git.objects import Commit
from pioche.http.messages import Request, Response
from pioche.repos import differences, history, revisions
from pioche.repos.access import Repo
from pioche.repos.differences import Comparison, Difference
from pioche.repos.revisions import Revision
from pioche.web.files import frame

_CONTEXT_MAX = 10_000
_PAGES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class View:
    """How changes are shown: `?view=split` before and after side by side, `?w=1` without those of blanks alone,
    `?context=` more lines around them, `?file=` one file alone, `?p=` which files."""

    is_split: bool
    hides_blanks: bool
    context: int
    only: str | None
    number: int

    @classmethod
    def of(cls, request: Request) -> "View":
        query = request.query
        return cls(
            query.get("view") == "split",
            query.get("w") == "1",
            query.number("context", default=3, most=_CONTEXT_MAX),
            query.get("file"),
            query.number("p", default=0, most=_PAGES_MAX),
        )

    @property
    def showing(self) -> Showing:
        return Showing(context=self.context, ignores_blanks=self.hides_blanks)


_PARTS: dict[str, Any] = {"side_by_side": differences.side_by_side, "files_shown": differences.FILES_SHOWN}


async def commit(request: Request) -> Response:
    """GET /{repo}/commit/{sha}."""
    revision = await revisions.resolve(request.repo, request.params["rev"])
    view = View.of(request)
    found, difference, names = await request.run(_commit, request.repo, revision, view)
    page = await frame.frame(request, revision)
    values: dict[str, Any] = {"commit": found, "difference": difference, "author_names": names, "view": view}
    return await frame.show(request, "commit.html", page, **values, **_PARTS)


def _commit(repo: Repo, revision: Revision, view: View) -> tuple[Commit, Difference, list[str]]:
    found = repo.objects.commit(revision.commit)
    difference = differences.of_commit(repo, found, page=view.number, only=view.only, showing=view.showing)
    return found, difference, list(dict.fromkeys(history.authors(found)))


async def compare(request: Request) -> Response:
    """GET /{repo}/compare/{a}...{b}: what `b` has since it parted from `a`; with two dots, all that differs."""
    view = View.of(request)
    comparison = await request.run(_compare, request.repo, request.params["range"], view)
    page = await frame.frame(request, comparison.second)
    values: dict[str, Any] = {"comparison": comparison, "difference": comparison.difference, "view": view}
    return await frame.show(request, "compare.html", page, **values, **_PARTS)


def _compare(repo: Repo, text: str, view: View) -> Comparison:
    return differences.compare(repo, text, page=view.number, only=view.only, showing=view.showing)


async def choose(request: Request) -> Response:
    """GET /{repo}/compare[?first=&second=]: which two."""
    first, second = request.query.get("first"), request.query.get("second")
    page = await frame.frame(request, await revisions.resolve(request.repo, "main"))
    if first and second:
        if ".." in first or ".." in second:
            raise BadRequest("A revision has no two dots in its name")
        return frame.see_other(page.at.compare(first, second))
    return await frame.show(request, "compare_choose.html", page, first=first or "main", second=second or "")
