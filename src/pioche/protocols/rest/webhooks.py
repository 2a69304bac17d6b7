"""Webhooks of one's own: /api/settings/webhooks (hub-api.md section 7; huggingface_hub `create_webhook` and its like)."""

from typing import Any

import msgspec

from pioche.accounts.callers import Caller
from pioche.accounts.scopes import Permission
from pioche.errors import BadRequest, NotFound, NotOffered
from pioche.http.messages import Request, Response, json_response
from pioche.http.routes import Needs, Route
from pioche.protocols.rest.shapes import Json
from pioche.webhooks.registry import Domain, Wanted, Watched, Webhook

_ALL = tuple(Domain)


class _Watched(msgspec.Struct):
    type: str
    name: str


class _Body(msgspec.Struct):
    """`secrets` are those of a job; the client sends an empty `watched` where it means to leave that as it is."""

    url: str | None = None
    jobSourceId: str | None = None
    secrets: dict[str, Any] | None = None
    watched: list[_Watched] = []
    domains: list[str] | None = None
    secret: str | None = None

    def parsed(self) -> list[Watched]:
        return [Watched.parse(one.type, one.name) for one in self.watched]


async def listing(request: Request) -> Response:
    """GET /api/settings/webhooks."""
    found = await request.run(request.hub.webhooks.of, request.caller.user_id)
    return json_response([_shown(request, webhook) for webhook in found])


async def get(request: Request) -> Response:
    """GET /api/settings/webhooks/{uid}."""
    found = await request.run(request.hub.webhooks.get, request.caller.user_id, request.params["uid"])
    return _answer(request, found)


async def create(request: Request) -> Response:
    """POST /api/settings/webhooks."""
    body = await request.json(_Body)
    _refuse_jobs(body)
    if body.url is None:
        raise BadRequest('"url" is missing: where to post to')
    domains = _ALL if body.domains is None else body.domains
    wanted = Wanted.parse(body.url, body.parsed(), domains, body.secret)
    return _answer(request, await request.run(request.hub.webhooks.create, request.caller.user_id, wanted))


async def change(request: Request) -> Response:
    """POST /api/settings/webhooks/{uid}: what is not sent stays; an empty secret removes it."""
    body = await request.json(_Body)
    _refuse_jobs(body)
    return _answer(request, await request.run(_change, request, body))


def _change(request: Request, body: _Body) -> Webhook:
    webhooks, owner, uid = request.hub.webhooks, request.caller.user_id, request.params["uid"]
    old = webhooks.get(owner, uid).wanted
    wanted = Wanted.parse(
        old.url if body.url is None else body.url,
        body.parsed() or old.watched,
        old.domains if body.domains is None else body.domains,
        old.secret if body.secret is None else body.secret,
    )
    return webhooks.change(owner, uid, wanted)


async def delete(request: Request) -> Response:
    """DELETE /api/settings/webhooks/{uid}."""
    await request.run(request.hub.webhooks.delete, request.caller.user_id, request.params["uid"])
    return json_response({"success": True})


async def switch(request: Request) -> Response:
    """POST /api/settings/webhooks/{uid}/{action}: `enable` or `disable`."""
    webhooks, action = request.hub.webhooks, request.params["action"]
    if action not in ("enable", "disable"):
        raise NotFound("A webhook can be enabled and disabled")
    function = webhooks.enable if action == "enable" else webhooks.disable
    return _answer(request, await request.run(function, request.caller.user_id, request.params["uid"]))


async def replay(request: Request) -> Response:
    """POST /api/settings/webhooks/{uid}/replay/{delivery}: the same payload, under an id of its own."""
    return json_response({"success": True, "id": await request.run(_replay, request)})


def _replay(request: Request) -> str:
    found = request.hub.webhooks.get(request.caller.user_id, request.params["uid"])
    return request.hub.deliveries.replay(found.id, found.owner_id, request.params["delivery"])


def _refuse_jobs(body: _Body) -> None:
    if body.jobSourceId is not None or body.secrets is not None:
        raise NotOffered("This hub runs no jobs: a webhook of it calls a url")


def _answer(request: Request, webhook: Webhook) -> Response:
    return json_response({"webhook": _shown(request, webhook)})


def _shown(request: Request, webhook: Webhook) -> Json:
    """The secret for those who could replace it."""
    wanted = webhook.wanted
    shown: Json = {
        "id": webhook.uid,
        "url": wanted.url,
        "watched": [{"type": one.kind, "name": one.name} for one in wanted.watched],
        "domains": list(wanted.domains),
        "disabled": webhook.disabled_at is not None,
    }
    if wanted.secret and _may_replace(request.caller):
        shown["secret"] = wanted.secret
    return shown


def _may_replace(caller: Caller) -> bool:
    return caller.may_write and (caller.scopes is None or Permission.WEBHOOKS_WRITE in caller.scopes.every)


ROUTES = (
    Route("GET", "/api/settings/webhooks", Needs.USER, listing, scope=Permission.WEBHOOKS_READ),
    Route("POST", "/api/settings/webhooks", Needs.USER_WRITE, create, scope=Permission.WEBHOOKS_WRITE),
    Route("GET", "/api/settings/webhooks/{uid}", Needs.USER, get, scope=Permission.WEBHOOKS_READ),
    Route("POST", "/api/settings/webhooks/{uid}", Needs.USER_WRITE, change, scope=Permission.WEBHOOKS_WRITE),
    Route("DELETE", "/api/settings/webhooks/{uid}", Needs.USER_WRITE, delete, scope=Permission.WEBHOOKS_WRITE),
    Route("POST", "/api/settings/webhooks/{uid}/{action}", Needs.USER_WRITE, switch, scope=Permission.WEBHOOKS_WRITE),
    Route(
        "POST",
        "/api/settings/webhooks/{uid}/replay/{delivery}",
        Needs.USER_WRITE,
        replay,
        scope=Permission.WEBHOOKS_WRITE,
    ),
)
