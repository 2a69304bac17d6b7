"""What is about the account itself asks for the password once more: a browser that was left open is not enough."""

from pioche.accounts import failures
from pioche.accounts.account import Account
from pioche.errors import TooManyRequests, Unauthenticated
from pioche.http.messages import Request
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.sessions import waiting


def prove(request: Request, password: str) -> tuple[Account, bool]:
    """Whose password it is, and whether this browser is remembered. Raises Unauthenticated, TooManyRequests."""
    directory, caller = request.hub.directory, request.caller
    guess = failures.of_sign_in(caller.name, request.hub.addresses.client(request.scope, request.headers))
    directory.failures.count(guess)
    user = directory.authenticate(caller.name, password)
    directory.failures.forgive(guess)
    here = next((one for one in directory.sessions.of(user.id) if one.id == caller.session_id), None)
    return user, here is not None and here.is_remembered


async def ask(request: Request, form: Form, field: str) -> tuple[Account | None, int]:
    """The account whose password stands in `field`; None and the status of the page when it does not, which `form` says."""
    try:
        user, _remembered = await request.run(prove, request, form[field])
    except TooManyRequests as error:
        form.error = waiting.words(error)
        return None, error.status
    except Unauthenticated:
        form.errors[field] = _("This is not your password.")
        return None, 422
    return user, 200
