"""How pages say no: the status, what happened in a sentence, what to do next, and the request's id for whoever is asked."""

from typing import Final
from urllib.parse import quote, urlsplit

from pioche.errors import (
    CrossSite,
    Disabled,
    GatedRepo,
    HubError,
    OutsideNetworks,
    RateLimited,
    RepoNotFound,
    SecondFactorNeeded,
    SignInFailed,
    SsoRequired,
    TooManyRequests,
    Unauthenticated,
    Withdrawn,
)
from pioche.http import errors
from pioche.http.messages import Request, Response, redirect
from pioche.i18n.texts import lazy as _
from pioche.web import layout
from pioche.web.sessions import targets

# Title and advice by status. What the hub says itself (`error.message`) is shown below, where it says more.
_WORDS: Final[dict[int, tuple[str, str]]] = {
    400: (_("This address cannot be read"), _("Check the address, or go back and try again.")),
    401: (_("Sign in to see this page"), _("What you are looking for is private, or it does not exist.")),
    403: (_("You may not do this"), _("Ask the owner for access, or sign in with another account.")),
    404: (_("There is nothing here"), _("It may have been moved, deleted, or be visible to others only.")),
    405: (_("This page cannot do that"), _("Go back and try again.")),
    408: (_("That took too long"), _("The request arrived too slowly. Try again.")),
    409: (_("Somebody was faster"), _("Things have changed meanwhile. Go back, look again, and repeat your change.")),
    410: (_("This is gone"), _("It was removed, and will not come back.")),
    412: (_("The branch has moved on"), _("Reload the page to see the latest version, then repeat your change.")),
    413: (_("That is too large"), _("Send less at once.")),
    422: (_("This cannot be accepted"), _("Mend what is named below, and send it again.")),
    429: (_("Too many requests"), _("Wait a little, then try again.")),
    451: (_("This is not available"), _("It was withdrawn for legal reasons.")),
    500: (_("Something broke on our side"), _("It has been logged. Try again; if it lasts, tell your administrator.")),
    501: (_("Not in this version"), _("This hub does not offer what you asked for.")),
    503: (_("The hub is not ready"), _("A part that it needs does not answer. Try again in a minute.")),
    507: (_("The hub is full"), _("Your administrator has to make room first.")),
}

_GATED: Final = (
    _("Access to these files is given on request"),
    _(
        "The list of the files and the card can be seen by everybody; what is in the files, by those whom the owners let in."
    ),
)
_DISABLED: Final = (
    _("This repository is disabled"),
    _("An administrator of this hub took it out of use. Nothing in it can be read or downloaded."),
)
_SECOND_FACTOR: Final = (
    _("A second factor is needed here"),
    _(
        "This organisation shows what is private to members with a second factor only. Turn yours on: then it is all there."
    ),
)
_OUTSIDE: Final = (
    _("Not from where you are"),
    _("What is private here is shown to requests from the organisation’s own networks only. Come from one of them."),
)
_SIGN_IN_FAILED: Final = (
    _("You are not signed in"),
    _("Nothing was changed. Begin again from the page that you came from."),
)
_SSO_REQUIRED: Final = (
    _("This organisation asks you to sign in at its own provider"),
    _("Its private things open once you have shown there who you are."),
)
_FROM_ELSEWHERE: Final = (
    _("This was not sent from a page of this hub"),
    _("Nothing was changed. Open the page again and repeat your change: you may have signed in again meanwhile."),
)


def render(request: Request, error: HubError) -> Response:
    """The page of an error. A repo that is private looks exactly as one that is not there; a page for people who are signed
    in leads to the one where they do that, and back; a form that came after the session had ended leads back to its page."""
    choice = layout.remember_choice(request)
    if choice is not None:
        return choice
    if type(error) is Unauthenticated and (request.method in ("GET", "HEAD") or _is_sent_form(request)):
        return _to_sign_in(request)
    title, advice = words(error)
    if isinstance(error, Disabled):
        return _disabled(request, error, title, advice)
    says_more = error.status < 500 and not isinstance(error, RepoNotFound) and error.status != 401
    return layout.page(
        request,
        "error.html",
        status=error.status,
        headers=errors.headers(error),
        error_status=error.status,
        error_title=title,
        error_advice=advice,
        error_seconds=error.seconds if isinstance(error, TooManyRequests) else None,
        error_factor=isinstance(error, SecondFactorNeeded),
        error_gate=error.page if isinstance(error, GatedRepo) else "",
        error_sso=_sso_page(request, error) if isinstance(error, SsoRequired) else "",
        error_detail=error.message if says_more and not isinstance(error, _SAID_ALL) else "",
    )


_SAID_ALL: Final = (CrossSite, RateLimited, SsoRequired)


def _sso_page(request: Request, error: SsoRequired) -> str:
    """And back to what was asked for."""
    here = layout.site(request).here if request.method in ("GET", "HEAD") else targets.HOME
    return f"{error.page}?next={quote(here, safe='/')}"


def _disabled(request: Request, error: Disabled, title: str, advice: str) -> Response:
    """With the public reason, and for its owners the way to ask for it back."""
    return layout.page(
        request,
        "moderation/disabled.html",
        status=error.status,
        headers=errors.headers(error),
        error_status=error.status,
        title=title,
        advice=advice,
        reason=error.reason,
        appeal=error.appeal,
    )


def words(error: HubError) -> tuple[str, str]:
    """What happened, and what to do next; texts to be translated."""
    if isinstance(error, GatedRepo):
        return _GATED
    if isinstance(error, Disabled):
        return _WORDS[451] if isinstance(error, Withdrawn) else _DISABLED
    if isinstance(error, SecondFactorNeeded):
        return _SECOND_FACTOR
    if isinstance(error, OutsideNetworks):
        return _OUTSIDE
    if isinstance(error, SignInFailed):
        return _SIGN_IN_FAILED
    if isinstance(error, SsoRequired):
        return _SSO_REQUIRED
    if isinstance(error, CrossSite):
        return _FROM_ELSEWHERE
    return _WORDS.get(error.status, _WORDS[400 if error.status < 500 else 500])


def _is_sent_form(request: Request) -> bool:
    """By a person who pressed a button: what scripts send gets the status."""
    return request.is_form and request.headers.get("sec-fetch-mode", "navigate") == "navigate"


def _to_sign_in(request: Request) -> Response:
    here, ended = layout.site(request).here, ""
    if request.method not in ("GET", "HEAD"):
        here, ended = _page_of_form(request), "&ended=1"
    answer = redirect(f"/login?next={quote(here, safe='/')}{ended}", status=303)
    answer.headers += [("Cache-Control", "no-store"), ("Vary", "Cookie")]
    return answer


def _page_of_form(request: Request) -> str:
    """The address of ours that a browser says it was on; the front page where it does not."""
    parts = urlsplit(request.headers.get("referer", ""))
    if parts.netloc != request.headers.get("host", ""):
        return targets.HOME
    return targets.safe(parts.path + (f"?{parts.query}" if parts.query else ""))
