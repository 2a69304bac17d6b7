"""/oauth/authorize: an application sends a browser here, and gets it back with a code (RFC 6749 section 4.1, OpenID Connect
Core section 3.1.2).

Where it leads back to must be registered, letter by letter; before that is known nobody is sent anywhere, and what is wrong is
said on a page. What is wrong later is told to the application. Who said yes to as much before is not asked again, unless
the application is a public one: anybody may pretend to be that.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from pioche.accounts.oauth import codes, consents
from pioche.accounts.oauth.applications import Application, Applications
from pioche.accounts.oauth.codes import Asked
from pioche.accounts.oauth.grants import Signed
from pioche.errors import BadRequest, GrantRefused, InvalidClient
from pioche.http.messages import Query, Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.web import layout
from pioche.web.oauth import asking

_FORM_BYTES_MAX = 64 * 1024
_FIELDS = (
    "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "prompt", "code_challenge",
    "code_challenge_method",
)  # fmt: skip
_NOT_KEPT = ("Cache-Control", "private, no-store")
_DIRECT = ("cross-site", "same-site", "none")


@dataclass(frozen=True, slots=True)
class _Question:
    """What an application asks, once it is known where it leads back to."""

    application: Application
    redirect_uri: str
    fields: dict[str, str]

    @property
    def scopes(self) -> tuple[str, ...]:
        return self.application.allowed(self.fields.get("scope"))

    @property
    def asked(self) -> Asked:
        return Asked(self.redirect_uri, self.fields.get("nonce"), self.fields.get("code_challenge"))

    def check(self) -> None:
        """Raises GrantRefused, for the application to read."""
        fields = self.fields
        if fields.get("response_type") != "code":
            raise GrantRefused("unsupported_response_type", "response_type is code here")
        if fields.get("response_mode", "query") != "query":
            raise GrantRefused("invalid_request", "response_mode is query here")
        if not self.scopes:
            raise GrantRefused("invalid_scope", "This application may ask for none of these scopes")
        challenge = fields.get("code_challenge")
        if challenge is None and self.application.is_public:
            raise GrantRefused("invalid_request", "A public application brings a code_challenge (PKCE)")
        method = fields.get("code_challenge_method", "plain")
        if challenge is not None and (method != "S256" or not codes.is_challenge(challenge)):
            raise GrantRefused("invalid_request", "code_challenge_method is S256 here")


async def show(request: Request) -> Response:
    """GET /oauth/authorize?client_id=..."""
    question = await request.run(_question, request, request.query)
    try:
        question.check()
    except GrantRefused as error:
        return _refused(request, question, error)
    prompt = question.fields.get("prompt", "").split()
    if "consent" not in prompt and (signed := await request.run(_agreed_before, request, question)):
        return await _given(request, question, signed, was_asked=False)
    if "none" in prompt:
        return _refused(request, question, GrantRefused("consent_required", "Nobody has said yes to this yet"))
    found = await request.run(asking.asking, request, question.application, question.scopes)
    return layout.page(request, "oauth/authorize.html", asking=found, fields=question.fields)


async def answer(request: Request) -> Response:
    """POST /oauth/authorize: the same fields, and `answer`, which is yes or no."""
    sent = await request.form()
    question = await request.run(_question, request, sent)
    try:
        question.check()
        if sent.get("answer") != "yes":
            raise GrantRefused("access_denied", "The answer was no")
    except GrantRefused as error:
        return _refused(request, question, error)
    signed = await request.run(asking.agreed, request, sent, question.application, question.scopes)
    return await _given(request, question, signed, was_asked=True)


def _question(request: Request, sent: Query) -> _Question:
    """Raises BadRequest, which is for the person to read: the application may be somebody else than it says."""
    fields = {name: value for name in _FIELDS if (value := sent.get(name)) is not None}
    try:
        application = Applications(request.hub.database).by_client_id(fields.get("client_id", ""))
    except InvalidClient:
        raise BadRequest("The application that sent you here is not known on this hub") from None
    redirect_uri = fields.get("redirect_uri", "")
    if redirect_uri not in application.redirect_uris:
        raise BadRequest("The application that sent you here wants you back at an address that it did not register")
    return _Question(application, redirect_uri, fields)


def _agreed_before(request: Request, question: _Question) -> Signed | None:
    """What somebody need not be asked again."""
    if question.application.is_public:
        return None
    consent = consents.find(request.hub.database, request.caller.user_id, question.application)
    if consent is None or not consent.covers(question.scopes):
        return None
    user = request.hub.directory.by_id(request.caller.user_id)
    return Signed(user, question.application, question.scopes, consent.orgs)


async def _given(request: Request, question: _Question, signed: Signed, *, was_asked: bool) -> Response:
    code = await request.run(_code, request, question, signed, was_asked=was_asked)
    return _back(request, question, {"code": code})


def _code(request: Request, question: _Question, signed: Signed, *, was_asked: bool) -> str:
    mine = request.hub.directory.sessions.of(signed.user.id)
    began = next((one.created_at for one in mine if one.id == request.caller.session_id), 0)
    return codes.give(request.hub.database, signed, question.asked, signed_in_at=began, was_asked=was_asked)


def _refused(request: Request, question: _Question, error: GrantRefused) -> Response:
    return _back(request, question, {"error": error.error, "error_description": error.message})


def _back(request: Request, question: _Question, told: dict[str, str]) -> Response:
    """To the application. A form of ours, and whatever it leads to, may not lead to another site (`form-action` of our
    policy): where somebody pressed a button here, or signed in a moment ago, a page leads on."""
    state = question.fields.get("state")
    query = urlencode({**told, **({} if state is None else {"state": state}), "iss": request.base_url})
    mark = "&" if "?" in question.redirect_uri else "?"
    url = f"{question.redirect_uri}{mark}{query}"
    if request.method == "GET" and request.headers.get("sec-fetch-site") in _DIRECT:
        return redirect(url, status=303, headers=[_NOT_KEPT, ("Referrer-Policy", "no-referrer")])
    name = question.application.name
    return layout.page(request, "oauth/leaving.html", headers=[("Referrer-Policy", "no-referrer")], url=url, name=name)


ROUTES = (
    Route("GET", "/oauth/authorize", Needs.SESSION, show),
    Route("POST", "/oauth/authorize", Needs.SESSION, answer, _FORM_BYTES_MAX),
)
