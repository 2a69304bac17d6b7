"""Requests for access to gated repos (hub-api.md section 2): who asked, and what the owners answer.

The client names whom it means by `user` (0.36 and 1.x) or by `requestId` (2.x); the API has `userId` too.
"""

import csv
import io
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from pioche.errors import BadRequest
from pioche.http import cursors
from pioche.http.dates import date
from pioche.http.messages import Request, Response, json_response, next_page
from pioche.http.routes import Route
from pioche.repos.access import Action
from pioche.repos.gating import requests
from pioche.repos.gating.requests import Asked, Status, Who

_PAGE_MAX = 1000
_SEARCH_CHARACTERS_MAX = 250
_REPORT_PAGE = 1000


class _Whose(msgspec.Struct):
    user: str = ""
    userId: str = ""
    requestId: str = ""

    @property
    def who(self) -> Who:
        """Raises BadRequest unless one of them is there."""
        if sum(map(bool, (self.user, self.userId, self.requestId))) != 1:
            raise BadRequest('One of "user", "userId" and "requestId" must be provided')
        return Who(self.user, self.userId, self.requestId)


class _Handle(_Whose):
    status: str = ""
    rejectionReason: str | None = None


class _Batch(msgspec.Struct):
    status: str
    requests: list[_Whose]
    rejectionReason: str | None = None


async def listing(request: Request) -> Response:
    """GET /api/{type}s/{repo}/user-access-request/{status}[?q=ada&limit=100]: the latest first."""
    query = request.query
    find = partial(
        requests.listing,
        search=(query.get("q") or "")[:_SEARCH_CHARACTERS_MAX],
        after=cursors.decode(query.get("cursor")),
        limit=max(1, query.number("limit", default=_PAGE_MAX, most=_PAGE_MAX)),
    )
    page = await request.run(find, request.repo, Status.parse(request.params["status"]))
    headers = [*next_page(request, cursors.encode(page.next_after)), ("Cache-Control", "private, no-store")]
    return json_response([_shape(one) for one in page.requests], headers=headers)


async def handle(request: Request) -> Response:
    """POST .../user-access-request/handle: accepted, rejected (with a reason), or back to pending."""
    body = await request.json(_Handle)
    status, reason = Status.parse(body.status), body.rejectionReason or ""
    await request.run(requests.handle, request.repo, request.caller, body.who, status, reason)
    return json_response({})


async def grant(request: Request) -> Response:
    """POST .../user-access-request/grant."""
    body = await request.json(_Whose)
    await request.run(requests.grant, request.repo, request.caller, body.who)
    return json_response({})


async def batch(request: Request) -> Response:
    """POST .../user-access-request/batch: one status for many; the answer is in the order of the question."""
    body = await request.json(_Batch)
    whose = [one.who for one in body.requests]
    status, reason = Status.parse(body.status), body.rejectionReason or ""
    found = await request.run(requests.batch, request.repo, request.caller, whose, status, reason)
    return json_response(
        [
            _named(one) | ({"ok": False, "error": error} if error else {"ok": True})
            for one, error in zip(body.requests, found, strict=True)
        ]
    )


def _named(one: _Whose) -> dict[str, object]:
    """As it was asked."""
    return {name: value for name, value in msgspec.structs.asdict(one).items() if value}


async def cancel(request: Request) -> Response:
    """POST .../user-access-request/cancel: the caller's own request, while it waits."""
    await request.run(requests.withdraw, request.repo, request.caller)
    return json_response({"ok": True})


async def report(request: Request) -> Response:
    """GET /{repo}/user-access-report[?format=csv]: all requests, as a file."""
    wanted = request.query.get("format") or "json"
    if wanted not in ("json", "csv"):
        raise BadRequest('"format" must be one of [json, csv]')
    rows = await request.run(_all, request)
    name = f"user-access-report-{request.repo.repo_id.namespace}-{request.repo.repo_id.name}.{wanted}"
    headers = [("Content-Disposition", f"attachment; filename={name}"), ("Cache-Control", "private, no-store")]
    if wanted == "json":
        return json_response(rows, headers=headers)
    data = _csv(rows).encode("utf-8-sig")  # without the mark, spreadsheets take it for another encoding
    return Response(200, [("Content-Type", "text/csv; charset=utf-8"), *headers], data)


def _all(request: Request) -> list[dict[str, Any]]:
    found, after = list[dict[str, Any]](), ""
    while True:
        page = requests.listing(request.repo, None, after=after, limit=_REPORT_PAGE)
        found += [_line(one) for one in page.requests]
        if page.next_after is None:
            return found
        after = page.next_after


def _line(one: Asked) -> dict[str, Any]:
    found: dict[str, Any] = {"fullname": one.user.fullname, "user": one.user.name, "email": one.email}
    found["time"] = date(one.at)
    if one.reviewed_at is not None:
        found["reviewedAt"] = date(one.reviewed_at)
    found["status"] = one.status.value
    if one.status is Status.ACCEPTED and one.reviewer is not None:
        found["grantedBy"] = {"user": one.reviewer}
    if one.reason:
        found["rejectionReason"] = one.reason
    return found | ({"fields": one.answers} if one.answers else {})


def _csv(rows: list[dict[str, Any]]) -> str:
    labels = list(dict.fromkeys(label for row in rows for label in row.get("fields", {})))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    names = ("user", "fullname", "email", "status", "time", "reviewedAt", "rejectionReason")
    writer.writerow([*names, "grantedBy", *map(_cell, labels)])
    for row in rows:
        answers = row.get("fields", {})
        known = [*(row.get(name) or "" for name in names), row.get("grantedBy", {}).get("user", "")]
        writer.writerow([*map(_cell, known), *(_cell(answers.get(label, "")) for label in labels)])
    return text.getvalue()


def _cell(text: str) -> str:
    """What a spreadsheet would take for a formula is text."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def _shape(one: Asked) -> dict[str, Any]:
    """`email` is left out of who was let in unasked, `fields` where the card asks for none."""
    return dict(_parts(one))


def _parts(one: Asked) -> Iterator[tuple[str, Any]]:
    user = one.user
    person = {"_id": user.uid, "user": user.name, "fullname": user.fullname, "avatarUrl": f"/avatars/{user.name}.svg"}
    yield "requestId", one.uid
    yield "user", {**person, "isPro": False, "type": "user", **({"email": one.email} if one.email else {})}
    yield "timestamp", date(one.at)
    if one.reviewed_at is not None:
        yield "reviewedAt", date(one.reviewed_at)
    yield "status", one.status.value
    if one.status is Status.ACCEPTED and one.reviewer is not None:
        yield "grantedBy", {"user": one.reviewer}
    if one.answers:
        yield "fields", one.answers


_REQUEST = "/api/{repo:api}/user-access-request"
ROUTES = (
    Route("GET", _REQUEST + "/{status}", Action.REVIEW, listing),
    Route("POST", _REQUEST + "/handle", Action.MANAGE, handle),
    Route("POST", _REQUEST + "/grant", Action.MANAGE, grant),
    Route("POST", _REQUEST + "/batch", Action.MANAGE, batch),
    Route("POST", _REQUEST + "/cancel", Action.PARTICIPATE, cancel),
    Route("GET", "/{repo:web}/user-access-report", Action.REVIEW, report),
)
