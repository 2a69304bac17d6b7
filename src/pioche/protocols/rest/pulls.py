"""Pull requests as far as uploads need them: open a draft, read it, list. (Threads are the People issue.)"""

from html import escape
from typing import Literal

import msgspec

from pioche.errors import BadRequest, NotOffered
from pioche.http.messages import Request, Response, cached_json, json_response
from pioche.names import DEFAULT_REF, Oid
from pioche.protocols.rest import shapes
from pioche.repos import merging, pulls, refs
from pioche.repos.access import Action, Repo
from pioche.repos.pulls import Pull
from pioche.repos.threads import Kind, Opening, Shown

_PAGE = 50
_STATUSES = {"all": None, "open": ("open", "draft"), "closed": ("closed", "merged")}


class _Opening(msgspec.Struct):
    title: str
    description: str = ""
    pullRequest: bool = False


async def open_(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions, for pull requests: one without changes yet, whose ref takes commits."""
    body = await request.json(_Opening)
    if not body.pullRequest:
        raise NotOffered("This hub does not offer discussions yet; pull requests it does")
    if not body.title.strip():
        raise BadRequest('"title" must not be empty')
    opening = Opening(body.title.strip(), body.description, status="draft", base_ref=DEFAULT_REF)
    number = await request.run(_open, request, opening)
    return json_response({"num": number, "pullRequest": True})


def _open(request: Request, opening: Opening) -> int:
    tip = refs.get(request.repo, DEFAULT_REF).commit
    return pulls.open_(request.repo, request.caller, opening, tip, {})


async def listing(request: Request) -> Response:
    """GET /api/{type}s/{repo}/discussions: `p`, `type`, `status`, `author`."""
    query = request.query
    status = query.get("status") or "all"
    if status not in _STATUSES:
        raise BadRequest('"status" must be one of [all, open, closed]')
    start = query.number("p", default=0, most=10**6) * _PAGE
    wanted = pulls.Wanted(statuses=_STATUSES[status], author=query.get("author"), skip=start, limit=_PAGE)
    found, total = (
        ([], 0) if query.get("type") == "discussion" else await request.run(pulls.list_, request.repo, wanted)
    )
    rows = [_summary(request.repo, pull) for pull in found]
    return cached_json(request, {"discussions": rows, "count": total, "start": start})


def _number(request: Request) -> int:
    number = request.params["number"]
    if not number.isascii() or not number.isdecimal() or len(number) > 9:
        raise BadRequest("The number of a pull request is expected")
    return int(number)


class _Status(msgspec.Struct):
    status: Literal["open", "closed"]


async def status(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/status: whoever may write, or opened it."""
    body = await request.json(_Status)
    repo, number = request.repo, _number(request)
    opener = await request.run(pulls.author_of, repo, f"refs/pr/{number}")
    if opener != request.caller.user_id:
        await request.hub.access.open_uid(request.caller, repo.uid, Action.WRITE)
    changed = await request.run(merging.change_status, repo, number, body.status)
    event = {"id": f"{number:012x}{changed.at:012x}", "type": "status-change", "createdAt": shapes.date(changed.at)}
    author = {"name": request.caller.name, "type": "user"}
    return json_response({"newStatus": {**event, "author": author, "data": {"status": changed.status}}})


async def merge(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/merge. The body, a comment, may be left out."""
    oid = await request.run(merging.merge, request.repo, request.caller, _number(request))
    return json_response({"mergeCommitId": oid})


async def details(request: Request) -> Response:
    """GET /api/{type}s/{repo}/discussions/{number}[?diff=1]."""
    number = _number(request)
    with_diff = request.query.flag("diff")
    if with_diff:  # a diff is bytes of files, which a gate guards
        await request.hub.access.open_uid(request.caller, request.repo.uid, Action.CONTENT)
    return cached_json(request, await request.run(_details, request, number, with_diff=with_diff))


def _details(request: Request, number: int, *, with_diff: bool) -> shapes.Json:
    repo = request.repo
    pull = pulls.get(repo, number)
    found = _summary(repo, pull)
    found["changes"] = {"base": pull.base_ref} | ({"mergeCommitId": pull.merged_as} if pull.merged_as else {})
    found["filesWithConflicts"] = pulls.conflicts(repo, pull) or False
    found["events"] = [
        *(_comment(one) for one in pulls.log(repo, pull) if one.kind is Kind.COMMENT),
        *_commits(repo, pull),
    ]
    if with_diff:
        found["diff"] = pulls.diff(repo, pull)
    return found


def _summary(repo: Repo, pull: Pull) -> shapes.Json:
    return {
        "num": pull.number,
        "title": pull.title,
        "status": pull.status,
        "author": {"name": pull.author or "deleted", "type": "user"},
        "isPullRequest": True,
        "createdAt": shapes.date(pull.created_at),
        "repo": {"name": str(repo.repo_id), "type": repo.repo_id.type.value},
    }


def _comment(shown: Shown) -> shapes.Json:
    at, author, text = shapes.date(shown.at), {"name": shown.author or "deleted", "type": "user"}, shown.text or ""
    latest = {"raw": text, "html": f"<p>{escape(text)}</p>", "updatedAt": at, "author": author}
    data = {"edited": False, "hidden": False, "latest": latest, "history": []}
    return {"id": shown.uid, "type": "comment", "createdAt": at, "author": author, "data": data}


def _commits(repo: Repo, pull: Pull) -> list[shapes.Json]:
    """The commits that the base does not have, the oldest first."""
    base, head = refs.get(repo, pull.base_ref).commit, refs.get(repo, pull.ref).commit
    parted = repo.objects.merge_base(base, head)
    found = list[shapes.Json]()
    for commit in repo.objects.log(head, limit=100):
        if commit.oid == parted:
            break
        found.append(
            {
                "id": Oid(commit.oid)[:24],
                "type": "commit",
                "createdAt": shapes.date(commit.committer.at * 1000),
                "author": {"name": commit.author.name, "type": "user"},
                "data": {"subject": commit.title, "oid": commit.oid},
            }
        )
    return found[::-1]
