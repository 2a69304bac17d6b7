"""/settings/tokens: what programs prove themselves with. `hf auth login` sends people here."""

import time
from dataclasses import dataclass
from typing import Final

from pioche.accounts import entities
from pioche.accounts.approvals import Status
from pioche.accounts.entities import Named
from pioche.accounts.oauth import grants
from pioche.accounts.tokens import Token, TokenRole, parse_name
from pioche.errors import NotFound
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.lives import LIVES, ends_at
from pioche.web.settings import frame

_FORM_BYTES_MAX = 64 * 1024
_ROLES: Final = (TokenRole.READ, TokenRole.WRITE)


@dataclass(frozen=True, slots=True)
class Shown:
    """A token in the list: what it may do where, and what organisations say of it."""

    token: Token
    named: list[Named]
    said: list[tuple[str, Status]]


async def listing(request: Request) -> Response:
    """GET /settings/tokens: those that may still be used, or could until their time ran out."""
    return await page(request, empty())


async def create(request: Request) -> Response:
    """POST /settings/tokens: shown in this answer, and never again."""
    form = Form.of(await request.form(), "name", "role", "days")
    form.values["name"] = form["name"].strip()
    form.check("name", parse_name, _("A token has a name of 1 to 100 printable characters."))
    if form["role"] not in _ROLES:
        form.errors["role"] = _("Choose what the token may do.")
    if form["days"] not in LIVES:
        form.errors["days"] = _("Choose one of these.")
    if form.is_wrong:
        return await page(request, form, status=422)
    value = await request.run(_created, request, form)
    return await page(request, empty(), made=value, made_name=form["name"])


async def refresh(request: Request) -> Response:
    """POST /settings/tokens/{id}/refresh: the same token with another value, shown in this answer, and never again."""
    value, token = await request.run(_refreshed, request, _id(request))
    return await page(request, empty(), made=value, made_name=token.name)


async def revoke(request: Request) -> Response:
    """POST /settings/tokens/{id}/revoke."""
    await request.run(_revoke, request, _id(request))
    return frame.saved("tokens", "revoked")


def _id(request: Request) -> int:
    text = request.params["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is no such token")
    return int(text)


def empty() -> Form:
    """The form before anything is filled in."""
    return Form({"role": "read", "days": "90"})


def _created(request: Request, form: Form) -> str:
    tokens = request.hub.directory.tokens
    value, _token = tokens.create(
        frame.account(request),
        name=form["name"],
        role=TokenRole(form["role"]),
        expires_at=ends_at(form["days"]),
        actor_id=request.caller.user_id,
    )
    return value


def _refreshed(request: Request, id_: int) -> tuple[str, Token]:
    return request.hub.directory.tokens.refresh(frame.account(request), id_)


def _revoke(request: Request, id_: int) -> None:
    request.hub.directory.tokens.revoke_id(frame.account(request), id_, actor_id=request.caller.user_id)


def _shown(request: Request) -> list[Shown]:
    user, directory = frame.account(request), request.hub.directory
    said = directory.approvals.of_user(user)
    of_applications = grants.token_ids(request.hub.database, user.id)  # these are on a page of their own
    found = list[Shown]()
    for token in reversed(directory.tokens.of(user)):
        is_over = token.publisher_id is not None and (token.expires_at or 0) <= time.time() * 1000
        if token.revoked_at is None and not is_over and token.id not in of_applications:
            named = [] if token.scopes is None else entities.named(request.hub.database, user.id, token.scopes)
            found.append(Shown(token, named, said.get(token.id, [])))
    return found


async def page(request: Request, form: Form, *, status: int = 200, made: str = "", made_name: str = "") -> Response:
    """The list, with the token that was just made, if any."""
    found = await request.run(_shown, request)
    return frame.page(
        request, "tokens.html", "tokens", status=status, form=form, tokens=found, made=made, made_name=made_name,
        now=int(time.time() * 1000), lives=LIVES,
    )  # fmt: skip


ROUTES = (
    Route("GET", "/settings/tokens", Needs.SESSION, listing),
    Route("POST", "/settings/tokens", Needs.SESSION, create, _FORM_BYTES_MAX),
    Route("POST", "/settings/tokens/{id}/refresh", Needs.SESSION, refresh, _FORM_BYTES_MAX),
    Route("POST", "/settings/tokens/{id}/revoke", Needs.SESSION, revoke, _FORM_BYTES_MAX),
)
