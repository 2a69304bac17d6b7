"""Pull requests among the discussions: what `upload_folder(create_pr=True)` and `create_pull_request` ask for.

The client first opens a draft, then commits to `refs/pr/N` (hub-api.md section 5). Talking about it is not offered yet.
"""

import msgspec

from pioche.errors import BadRequest, NotFound, NotOffered
from pioche.http.messages import Request, Response, json_response
from pioche.protocols.rest import shapes
from pioche.repos import pulls
from pioche.repos.access import Repo
from pioche.repos.pulls import Pull

_PAGE = 50
_TITLE_MAX = 500
_DESCRIPTION_MAX = 2**16


class _New(msgspec.Struct):
    title: str
    description: str = ""
    pullRequest: bool = False


async def create(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions: a draft pull request at the tip of the default branch."""
    body = await request.json(_New)
    if not body.pullRequest:
        raise NotOffered("This hub does not offer discussions, only pull requests")
    title = body.title.strip()
    if not 0 < len(title) <= _TITLE_MAX or len(body.description) > _DESCRIPTION_MAX:
        raise BadRequest(f'"title" has 1 to {_TITLE_MAX} characters, "description" at most {_DESCRIPTION_MAX}')
    number = await request.run(pulls.draft, request.repo, request.caller, title, body.description)
    address = f"{request.base_url}{request.repo.repo_id.web_path}/discussions/{number}"
    return json_response({"num": number, "url": address, "pullRequest": True})


async def listing(request: Request) -> Response:
    """GET /api/{type}s/{repo}/discussions: pages by `p`, narrowed by `type`, `status` and `author`."""
    query = request.query
    found = [pull for pull in await request.run(pulls.all_, request.repo) if _is_wanted(pull, request)]
    start = query.number("p", default=0, most=10**6) * _PAGE
    rows = [_row(request.repo, pull) for pull in found[start : start + _PAGE]]
    return json_response({"discussions": rows, "count": len(found), "start": start})


async def details(request: Request) -> Response:
    """GET /api/{type}s/{repo}/discussions/{number}."""
    text = request.params["number"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound(f"There is no discussion {text[:20]!r} in this repo")
    pull = await request.run(pulls.get, request.repo, int(text))
    found = _row(request.repo, pull) | {"events": [_opening(pull)]}
    found |= {"changes": {"base": pull.base_ref}, "filesWithConflicts": False}
    if request.query.flag("diff"):
        found["diff"] = await request.run(pulls.diff, request.repo, pull)
    return json_response(found)


def _is_wanted(pull: Pull, request: Request) -> bool:
    query = request.query
    is_open = pull.status in ("draft", "open")
    status = query.get("status") or "all"
    return (
        query.get("type") != "discussion"
        and query.get("author") in (None, "", pull.author)
        and (status == "all" or is_open == (status == "open"))
    )


def _row(repo: Repo, pull: Pull) -> shapes.Json:
    return {
        "num": pull.number,
        "title": pull.title,
        "status": pull.status,
        "isPullRequest": True,
        "createdAt": shapes.date(pull.created_at),
        "repo": {"name": str(repo.repo_id), "type": repo.repo_id.type.value},
        **_author(pull),
    }


def _opening(pull: Pull) -> shapes.Json:
    """The first event of every discussion: the comment that it began with."""
    latest = {"raw": pull.description, "updatedAt": shapes.date(pull.created_at), **_author(pull)}
    data = {"edited": False, "hidden": False, "latest": latest, "history": [], "numEdits": 0}
    at = shapes.date(pull.created_at)
    return {"id": f"{pull.number:024x}", "type": "comment", "createdAt": at, "data": data, **_author(pull)}


def _author(pull: Pull) -> shapes.Json:
    """Left out when the account is gone, which clients show as `deleted`."""
    return {} if pull.author is None else {"author": {"name": pull.author, "type": "user"}}
