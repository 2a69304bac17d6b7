"""/login/sso: by the hub's own provider."""

from functools import partial

from pioche.accounts import identities
from pioche.accounts.account import Account
from pioche.accounts.oidc import Provider
from pioche.errors import Conflict, NotFound, SignInFailed
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.web.forms import DONE
from pioche.web.sessions import entering, passwords, targets
from pioche.web.sso import going
from pioche.web.sso.going import Purpose, Returned

HERE = "/settings/identities"


def provider(request: Request) -> Provider:
    """Raises NotFound where there is none."""
    found = identities.provider(request.hub.config)
    if found is None:
        raise NotFound("This hub has no provider to sign in with")
    return found


async def begin(request: Request) -> Response:
    """GET /login/sso?next=...&remember=yes."""
    purpose = Purpose(
        what="sign-in",
        next=targets.safe(request.query.get("next")),
        is_remembered=request.query.get("remember") == "yes",
    )
    return await going.to(request, provider(request), purpose)


async def callback(request: Request) -> Response:
    """GET /login/sso/callback: where the provider sends people back to."""
    found = await going.returned(request, provider(request), "")
    await request.run(identities.check_may_come_in, request.hub.config, found.claims)
    match found.purpose.what:
        case "link":
            answer = await _link(request, found)
        case "password":
            answer = await _password(request, found)
        case _:
            user = await _entering(request, found, may_sign_up=request.hub.config.oidc_sign_up == "on")
            purpose = found.purpose
            answer = await entering.enter(request, user, purpose.next, is_remembered=purpose.is_remembered)
    return going.over(request, answer)


async def _entering(request: Request, found: Returned, *, may_sign_up: bool) -> Account:
    sign_in = partial(identities.sign_in, may_sign_up=may_sign_up)
    return await request.run(sign_in, request.hub.database, found.claims)


async def _link(request: Request, found: Returned) -> Response:
    """For the session that asked for it."""
    user = await request.run(request.hub.directory.by_id, request.caller.user_id)
    await request.run(identities.link, request.hub.database, user, found.claims)
    return redirect(f"{HERE}?{DONE}=linked", status=303, headers=[("Cache-Control", "no-store")])


async def _password(request: Request, found: Returned) -> Response:
    """Who has no password chooses one, once they have signed in there again."""
    user = await _entering(request, found, may_sign_up=False)
    if user.id != request.caller.user_id:
        raise SignInFailed("You signed in there as somebody else: begin again")
    _identity, has_password = await request.run(identities.of, request.hub.database, user.id)
    if has_password:
        raise Conflict("You have a password: change it where your sessions are")
    return await passwords.ask(request, user, HERE, is_remembered=False)


ROUTES = (
    Route("GET", "/login/sso", Needs.ANYONE, begin),
    Route("GET", "/login/sso/callback", Needs.ANYONE, callback),
)
