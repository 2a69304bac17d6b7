"""/settings/tokens: what programs prove themselves with. `hf auth login` sends people here."""

import time
from typing import Final

from pioche.accounts.tokens import Token, TokenRole, parse_name
from pioche.errors import NotFound
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.settings import frame

_FORM_BYTES_MAX = 64 * 1024
_DAY_MS = 86_400_000
_LIVES: Final = ("7", "30", "90", "365", "")
"""Days that a token may be good for; empty: until it is revoked."""


async def listing(request: Request) -> Response:
    """GET /settings/tokens: those that may still be used, or could until their time ran out."""
    return await _page(request, Form({"role": "read", "days": "90"}))


async def new(request: Request) -> Response:
    """GET /settings/tokens/new, the public Hub's address of the form."""
    return redirect("/settings/tokens#new", status=303)


async def create(request: Request) -> Response:
    """POST /settings/tokens: shown in this answer, and never again."""
    form = Form.of(await request.form(), "name", "role", "days")
    form.values["name"] = form["name"].strip()
    form.check("name", parse_name, _("A token has a name of 1 to 100 printable characters."))
    if form["role"] not in set(TokenRole):
        form.errors["role"] = _("Choose what the token may do.")
    if form["days"] not in _LIVES:
        form.errors["days"] = _("Choose one of these.")
    if form.is_wrong:
        return await _page(request, form, status=422)
    value = await request.run(_created, request, form)
    return await _page(request, Form({"role": "read", "days": "90"}), made=value, made_name=form["name"])


async def revoke(request: Request) -> Response:
    """POST /settings/tokens/{id}/revoke."""
    text = request.params["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is no such token")
    await request.run(_revoke, request, int(text))
    return frame.saved("tokens", "revoked")


def _created(request: Request, form: Form) -> str:
    days = form["days"]
    expires_at = int(time.time() * 1000) + int(days) * _DAY_MS if days else None
    tokens = request.hub.directory.tokens
    value, _token = tokens.create(
        frame.account(request), name=form["name"], role=TokenRole(form["role"]), expires_at=expires_at
    )
    return value


def _revoke(request: Request, id_: int) -> None:
    request.hub.directory.tokens.revoke_id(frame.account(request), id_)


def _tokens(request: Request) -> list[Token]:
    found = request.hub.directory.tokens.of(frame.account(request))
    return [token for token in reversed(found) if token.revoked_at is None]


async def _page(request: Request, form: Form, *, status: int = 200, made: str = "", made_name: str = "") -> Response:
    found = await request.run(_tokens, request)
    return frame.page(
        request, "tokens.html", "tokens", status=status, form=form, tokens=found, made=made, made_name=made_name,
        now=int(time.time() * 1000), lives=_LIVES,
    )  # fmt: skip


ROUTES = (
    Route("GET", "/settings/tokens", Needs.SESSION, listing),
    Route("GET", "/settings/tokens/new", Needs.SESSION, new),
    Route("POST", "/settings/tokens", Needs.SESSION, create, _FORM_BYTES_MAX),
    Route("POST", "/settings/tokens/{id}/revoke", Needs.SESSION, revoke, _FORM_BYTES_MAX),
)
