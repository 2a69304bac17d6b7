"""To a provider and back. What was asked for is in a cookie of ours, sealed, for ten minutes: `state`, `nonce` and the secret
of PKCE are this browser's, so an answer that another browser asked for is worth nothing here.

Each provider has an address of its own that it sends people back to: one provider's answer cannot stand for another's.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pioche.accounts.oidc import Attempt, Claims, Provider
from pioche.errors import SignatureExpired, SignInFailed
from pioche.http import cookies
from pioche.http.messages import Request, Response, redirect
from pioche.web import layout

_SEAL = "sso"
_SECONDS = 600
_NOT_KEPT = ("Cache-Control", "private, no-store")


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody went for. `realm` is the organisation's uid, empty for the hub's own provider; `session` that of who
    was signed in and wants something for their account."""

    what: str
    realm: str = ""
    next: str = "/"
    is_remembered: bool = False
    session: int | None = None


class Note(msgspec.Struct, frozen=True):
    purpose: Purpose
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Returned:
    """Who came back, and what for."""

    claims: Claims
    purpose: Purpose


async def to(request: Request, provider: Provider, purpose: Purpose) -> Response:
    """By a link: straight on. Raises SignInFailed, BadRequest (ForbiddenAddress)."""
    url, kept = await _begun(request, provider, purpose)
    return redirect(url, status=303, headers=[_NOT_KEPT, kept])


async def leave(request: Request, provider: Provider, purpose: Purpose) -> Response:
    """By a form, whose answer may not lead to another site (`form-action` of our policy): by a page that leads on. Raises as
    `to`."""
    url, kept = await _begun(request, provider, purpose)
    return _leading_on(request, url, kept, provider.name)


def leave_for(request: Request, url: str, id_: str, name: str, purpose: Purpose) -> Response:
    """As `leave`, to a provider that was asked already: its answer names `id_` (SAML)."""
    return _leading_on(request, url, _kept(request, purpose, Attempt(id_, "", "")), name)


def _leading_on(request: Request, url: str, kept: tuple[str, str], name: str) -> Response:
    return layout.page(request, "sso/leaving.html", headers=[kept], url=url, name=name)


async def _begun(request: Request, provider: Provider, purpose: Purpose) -> tuple[str, tuple[str, str]]:
    prompt = "login" if purpose.what == "password" else ""
    begin = partial(request.hub.oidc.begin, prompt=prompt)
    url, attempt = await request.run(begin, provider, redirect_uri(request, purpose.realm))
    return url, _kept(request, purpose, attempt)


def _kept(request: Request, purpose: Purpose, attempt: Attempt) -> tuple[str, str]:
    claims: dict[str, Any] = msgspec.to_builtins(Note(purpose, attempt))
    sealed = request.hub.keyring.seal(_SEAL, claims, seconds=_SECONDS)
    return _cookie(request.base_url, sealed, _SECONDS)


async def returned(request: Request, provider: Provider, realm: str) -> Returned:
    """Raises SignInFailed, BadRequest (ForbiddenAddress)."""
    note = asked(request, realm)
    sent = {name: values[-1] for name, values in request.query.lists.items()}
    finish = request.hub.oidc.finish
    claims = await request.run(finish, provider, note.attempt, sent, redirect_uri(request, realm))
    return Returned(claims, note.purpose)


def asked(request: Request, realm: str) -> Note:
    """What this browser went for, to this very provider, in this very session. Raises SignInFailed."""
    note = _note(request)
    if note.purpose.realm != realm:
        raise SignInFailed("Another provider answered than was asked: begin again")
    if note.purpose.session is not None and note.purpose.session != request.caller.session_id:
        raise SignInFailed("Somebody else is signed in here now: begin again")
    return note


def over(request: Request, response: Response) -> Response:
    """The note is used up."""
    return replace(response, headers=[*response.headers, _cookie(request.base_url, "", 0)], encoded=None)


def redirect_uri(request: Request, realm: str) -> str:
    """Where a provider sends people back to: what is registered there."""
    return f"{request.base_url}/login/sso/{realm}/callback" if realm else f"{request.base_url}/login/sso/callback"


def _note(request: Request) -> Note:
    sealed = cookies.named(request, _name(request.base_url))
    if not sealed:
        raise SignInFailed("This browser did not ask for this, or it took too long: begin again")
    try:
        return msgspec.convert(request.hub.keyring.unseal(_SEAL, sealed), Note)
    except (SignatureExpired, msgspec.ValidationError):
        raise SignInFailed("This browser did not ask for this, or it took too long: begin again") from None


def _name(base_url: str) -> str:
    address = urlsplit(base_url)
    name = "pioche_sso" + (f"_{address.port}" if address.port else "")
    return f"__Host-{name}" if address.scheme == "https" else name


def _cookie(base_url: str, value: str, seconds: int) -> tuple[str, str]:
    secure = "; Secure" if base_url.startswith("https:") else ""
    return "Set-Cookie", f"{_name(base_url)}={value}; Path=/; HttpOnly; SameSite=Lax{secure}; Max-Age={seconds}"
