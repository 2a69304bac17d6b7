"""/admin/second-factors: who has a second factor, and resetting somebody's who lost it (ui.md T2), for administrators. To others
it is not there."""

from pioche.accounts import factor_overview, identities
from pioche.accounts.factor_overview import Overview, Show
from pioche.errors import BadRequest, Conflict, Forbidden
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.moderation import disabling
from pioche.web.forms import Form
from pioche.web.moderation import frame
from pioche.web.settings import proof

_PAGE = "/admin/second-factors"
_TEXT_MAX = 100


async def listing(request: Request) -> Response:
    """GET /admin/second-factors: `show` is all, with or without; `q` what names begin with, `after` the last one of a page."""
    query = request.query
    try:
        show = Show(query.get("show") or "all")
    except ValueError:
        raise BadRequest("There is no such list of people") from None
    begins, after = ((query.get(name) or "").strip()[:_TEXT_MAX] for name in ("q", "after"))
    found = await request.run(_overview, request, show, begins, after)
    return frame.page(request, "factors.html", "second-factors", found=found, show=show.value, begins=begins)


def _overview(request: Request, show: Show, begins: str, after: str) -> Overview:
    return factor_overview.overview(request.hub.database, show, begins=begins, after=after)


async def ask(request: Request) -> Response:
    """GET /admin/second-factors/{user}."""
    return await _page(request, Form())


async def reset(request: Request) -> Response:
    """POST /admin/second-factors/{user}: `reason` is for the person and the log, `password` the administrator's own, where they
    have one."""
    form = Form.of(await request.form(), "reason", "password")
    if request.caller.session_id is None:
        raise Forbidden("This is for administrators who signed in in a browser, not for tokens")
    reason = form.check("reason", disabling.checked_reason, _("Say why, in 1 to 500 characters."))
    status = 422
    if reason is not None and await request.run(_has_password, request):
        _user, status = await proof.ask(request, form, "password")
    if form.is_wrong:
        return await _page(request, form, status=status)
    try:
        await request.run(_reset, request, form["reason"].strip())
    except Conflict as error:
        form.error = _("This person has no second factor, or it is your own: that one you turn off in your settings.")
        return await _page(request, form, status=error.status)
    return frame.saved(_PAGE, "reset")


def _has_password(request: Request) -> bool:
    return identities.of(request.hub.database, request.caller.user_id)[1]


def _reset(request: Request, reason: str) -> None:
    directory, caller = request.hub.directory, request.caller
    user = directory.get_user(request.params["user"])
    if user.id == caller.user_id or not directory.second_factors.reset(user, actor_id=caller.user_id, reason=reason):
        raise Conflict(f"{user.name} has no second factor that could be reset here")


async def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    user = await request.run(request.hub.directory.get_user, request.params["user"])
    factor = await request.run(request.hub.directory.second_factors.of, user.id)
    return frame.page(
        request, "factor_reset.html", "second-factors", status=status, form=form, user=user, factor=factor,
        passkeys=len(await request.run(request.hub.directory.passkeys.of, user.id)),
        is_own=user.id == request.caller.user_id, asks_password=await request.run(_has_password, request),
    )  # fmt: skip


ROUTES = (
    Route("GET", _PAGE, Needs.ADMIN_PAGE, listing),
    Route("GET", f"{_PAGE}/{{user}}", Needs.ADMIN_PAGE, ask),
    Route("POST", f"{_PAGE}/{{user}}", Needs.ADMIN_PAGE, reset, frame.FORM_BYTES_MAX),
)
