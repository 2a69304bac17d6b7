"""The commits of a revision, or those that touched one path."""

from itertools import groupby

from pioche.http.messages import Request, Response
from pioche.repos import history, revisions, trails
from pioche.repos.access import Repo
from pioche.repos.revisions import Revision
from pioche.repos.trails import Touch, TouchPage
from pioche.web.files import frame

_PAGE = 50
_DAY_SECONDS = 86_400


async def commits(request: Request) -> Response:
    """GET /{repo}/commits/{rev}[/{path}][?p=]: newest first, by day."""
    path = request.params.get("path", "").strip("/")
    revision = await revisions.resolve(request.repo, request.params["rev"])
    number = request.query.number("p", default=0, most=10_000)
    page = await frame.frame(request, revision, path)
    found, total = await request.run(_touches, request.repo, revision, path, number)
    days = [
        (day * _DAY_SECONDS * 1000, list(touches))
        for day, touches in groupby(found.touches, key=lambda touch: touch.commit.committer.at // _DAY_SECONDS)
    ]
    return await frame.show(
        request, "commits.html", page, days=days, number=number, are_more=found.are_more, total=total
    )


def _touches(repo: Repo, revision: Revision, path: str, number: int) -> tuple[TouchPage, int | None]:
    """And how many there are in all, where that is known without looking through them."""
    if path:
        return trails.of_path(repo, revision, path, skip=number * _PAGE, limit=_PAGE), None
    page = history.log(repo, revision, skip=number * _PAGE, limit=_PAGE)
    touches = [Touch(commit, "", "") for commit in page.commits]
    return TouchPage(touches, page.total > (number + 1) * _PAGE), page.total
