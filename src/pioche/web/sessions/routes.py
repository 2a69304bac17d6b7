"""The routes of signing in, signing out and joining."""

from pioche.http.routes import Needs, Route
from pioche.web.sessions import forgetting, joining, passwords, proving, resetting, second_step, signing_in

_FORM_BYTES_MAX = 64 * 1024

ROUTES = (
    Route("GET", "/login", Needs.ANYONE, signing_in.page),
    Route("POST", "/login", Needs.CREDENTIALS, signing_in.sign_in, _FORM_BYTES_MAX),
    Route("POST", "/login/passkey", Needs.CREDENTIALS, signing_in.with_passkey, _FORM_BYTES_MAX),
    Route("POST", "/login/password", Needs.CREDENTIALS, passwords.choose, _FORM_BYTES_MAX),
    Route("POST", "/login/code", Needs.CREDENTIALS, second_step.check, _FORM_BYTES_MAX),
    Route("GET", "/login/reset", Needs.ANYONE, resetting.page),
    Route("POST", "/login/reset", Needs.CREDENTIALS, resetting.choose, _FORM_BYTES_MAX),
    Route("GET", "/login/forgotten", Needs.ANYONE, forgetting.page),
    Route("POST", "/login/forgotten", Needs.CREDENTIALS, forgetting.send, _FORM_BYTES_MAX),
    Route("GET", "/login/address", Needs.ANYONE, proving.page),
    Route("POST", "/login/address", Needs.CREDENTIALS, proving.prove, _FORM_BYTES_MAX),
    Route("POST", "/logout", Needs.ANYONE, signing_in.sign_out, _FORM_BYTES_MAX),
    Route("GET", "/join", Needs.ANYONE, joining.page),
    Route("POST", "/join", Needs.CREDENTIALS, joining.join, _FORM_BYTES_MAX),
)
