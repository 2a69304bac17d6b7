"""/organizations/{name}/settings/service-accounts: what machines of an organisation sign in as (ui.md U3)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pioche.accounts import entities
from pioche.accounts.account import Account
from pioche.accounts.members import Role
from pioche.accounts.scopes import FineGrained, Kind, Permission, parse_wanted
from pioche.accounts.service_accounts import ROLES, ServiceAccount
from pioche.accounts.tokens import Token, TokenRole, parse_name
from pioche.errors import AlreadyExists, BadRequest, InvalidName, NotFound
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.names import RepoType, parse_account_name
from pioche.web.forms import Form
from pioche.web.lives import LIVES, ends_at
from pioche.web.organisations import frame

_PATH: Final = "/organizations/{name}/settings/service-accounts"
_HERE: Final = "service-accounts"
_NEW: Final = {"role": "read"}
_NEW_TOKEN: Final = {"kind": "fineGrained", "days": "90"}


@dataclass(slots=True)
class _Shown:
    """The forms as they were sent, and what was just made. `of` is the account that `token` is about."""

    form: Form = field(default_factory=lambda: Form(dict(_NEW)))
    token: Form = field(default_factory=lambda: Form(dict(_NEW_TOKEN)))
    chosen: frozenset[str] = frozenset()
    of: str = ""
    made: str = ""
    status: int = 200


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/service-accounts."""
    return await _page(request, await request.run(frame.administered, request), _Shown())


async def create(request: Request) -> Response:
    """POST /organizations/{name}/settings/service-accounts."""
    org = await request.run(frame.administered, request)
    form = Form.of(await request.form(), "name", "fullname", "role")
    form.values["name"] = form["name"].strip()
    if form["role"] not in ROLES:
        form.errors["role"] = _("Choose one of these.")
    form.check("name", parse_account_name, _("A name has letters, digits and single dashes, and is none of ours."))
    if not form.is_wrong:
        try:
            await request.run(_create, request, org, form)
        except AlreadyExists:
            form.errors["name"] = _("This name is taken.")
        except (BadRequest, InvalidName) as error:
            form.error = error.message
    if form.is_wrong:
        return await _page(request, org, _Shown(form=form, status=422))
    return frame.saved(org, _HERE, "created")


async def delete(request: Request) -> Response:
    """POST /organizations/{name}/settings/service-accounts/{uid}/delete."""
    org = await request.run(frame.administered, request)
    await request.run(_delete, request, org)
    return frame.saved(org, _HERE, "deleted")


async def make_token(request: Request) -> Response:
    """POST .../service-accounts/{uid}/tokens: shown in this answer, and never again."""
    org = await request.run(frame.administered, request)
    sent = await request.form()
    form, chosen = Form.of(sent, "label", "kind", "days"), frozenset(sent.all("scope"))
    form.values["label"] = form["label"].strip()
    form.check("label", parse_name, _("A token has a name of 1 to 100 printable characters."))
    if form["days"] not in LIVES or form["kind"] not in set(TokenRole):
        form.error = _("Choose one of these.")
    if form["kind"] == TokenRole.FINE_GRAINED and not chosen:
        form.error = _("Tick what the token may do.")
    shown = _Shown(token=form, chosen=chosen, of=request.params["uid"])
    if not form.is_wrong:
        try:
            shown = _Shown(made=await request.run(_make_token, request, org, form, chosen))
        except BadRequest as error:
            form.error = error.message
    shown.status = 422 if form.is_wrong else 200
    return await _page(request, org, shown)


async def refresh_token(request: Request) -> Response:
    """POST .../service-accounts/{uid}/tokens/{id}/refresh."""
    org = await request.run(frame.administered, request)
    return await _page(request, org, _Shown(made=await request.run(_refresh_token, request, org)))


async def revoke_token(request: Request) -> Response:
    """POST .../service-accounts/{uid}/tokens/{id}/revoke."""
    org = await request.run(frame.administered, request)
    await request.run(_revoke_token, request, org)
    return frame.saved(org, _HERE, "revoked")


# --- in a worker thread ---------------------------------------------------------------------------------------------


def _create(request: Request, org: Account, form: Form) -> None:
    accounts = request.hub.directory.service_accounts
    accounts.create(org, form["name"], Role(form["role"]), fullname=form["fullname"], actor=_actor(request))


def _delete(request: Request, org: Account) -> None:
    request.hub.directory.service_accounts.delete(org, request.params["uid"], actor=_actor(request))


def _make_token(request: Request, org: Account, form: Form, chosen: Iterable[str]) -> str:
    role = TokenRole(form["kind"])

    def scopes(account: Account) -> FineGrained:
        wanted = [parse_wanted(f"{Kind.ORG}/{org.name}={name}") for name in sorted(chosen)]
        return entities.find(request.hub.database, account, wanted, _no_repo)

    value, _token = request.hub.directory.service_accounts.make_token(
        org,
        request.params["uid"],
        name=form["label"],
        role=role,
        actor=_actor(request),
        expires_at=ends_at(form["days"]),
        scopes=scopes if role is TokenRole.FINE_GRAINED else None,
    )
    return value


def _no_repo(_kind: RepoType, _name: str) -> int:
    raise BadRequest("This form gives permissions on the organization")


def _refresh_token(request: Request, org: Account) -> str:
    accounts = request.hub.directory.service_accounts
    value, _token = accounts.refresh_token(org, request.params["uid"], _token_id(request))
    return value


def _revoke_token(request: Request, org: Account) -> None:
    request.hub.directory.service_accounts.revoke_token(org, request.params["uid"], _token_id(request))


def _token_id(request: Request) -> int:
    text = request.params["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is no such token")
    return int(text)


def _actor(request: Request) -> Account:
    return request.hub.directory.by_id(request.caller.user_id)


def _found(request: Request, org: Account) -> list[tuple[ServiceAccount, list[Token]]]:
    accounts = request.hub.directory.service_accounts
    return [(one, accounts.tokens_of(one)) for one in accounts.of(org)]


async def _page(request: Request, org: Account, shown: _Shown) -> Response:
    found = await request.run(_found, request, org)
    boxes = {
        Permission.READ: _("Read private repositories: their files and everything about them"),
        Permission.WRITE: _("Write to repositories: content, branches, settings"),
        Permission.REVIEW: _("See who asked for the files of gated repositories"),
        Permission.DISCUSS: _("Discuss, open pull requests, like"),
    }
    return frame.page(
        request, "service_accounts.html", _HERE, org, status=shown.status, shown=shown, found=found, boxes=boxes
    )


ROUTES = (
    Route("GET", _PATH, Needs.SESSION, show),
    Route("POST", _PATH, Needs.SESSION, create, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/{uid}/delete", Needs.SESSION, delete, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/{uid}/tokens", Needs.SESSION, make_token, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/{uid}/tokens/{id}/refresh", Needs.SESSION, refresh_token, frame.FORM_BYTES_MAX),
    Route("POST", _PATH + "/{uid}/tokens/{id}/revoke", Needs.SESSION, revoke_token, frame.FORM_BYTES_MAX),
)
