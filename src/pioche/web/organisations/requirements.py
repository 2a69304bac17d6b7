"""/organizations/{name}/settings/requirements: what members need before they are shown anything private (ui.md U3)."""

from pioche.accounts import factor_overview, org_security, policies
from pioche.accounts.account import Account
from pioche.accounts.org_security import Security, Setter
from pioche.errors import BadRequest, Conflict
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.organisations import frame

_PATH = "/organizations/{name}/settings/requirements"


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/requirements."""
    org = await request.run(frame.administered, request)
    found = await request.run(org_security.security, request.hub.database, org.id)
    values = {
        "ranges": (found.ranges or "").replace(" ", "\n"),
        "second_factor": "yes" if found.needs_second_factor else "",
    }
    return await _page(request, org, Form(values))


async def change(request: Request) -> Response:
    """POST /organizations/{name}/settings/requirements."""
    org = await request.run(frame.administered, request)
    form = Form.of(await request.form(), "second_factor", "ranges")
    try:
        ranges = policies.parse_ranges(form["ranges"])
    except BadRequest as error:
        form.errors["ranges"] = _("Write a network in each line, as 192.0.2.0/24 or 2001:db8::/32: %(what)s") % {
            "what": error.message
        }
        return await _page(request, org, form, status=422)
    wanted = Security(form["second_factor"] == "yes", ranges)
    try:
        await request.run(_set, request, org, wanted)
    except Conflict:
        # Which of the two it is: the page says each of them anyway.
        form.error = _(
            "You would keep yourself out: turn your own second factor on first, and name a network that your address is in."
        )
        return await _page(request, org, form, status=409)
    return frame.saved(org, "requirements")


def _set(request: Request, org: Account, wanted: Security) -> None:
    by = Setter(request.caller.user_id, _address(request))
    org_security.set_security(request.hub.database, org, wanted, by)


def _address(request: Request) -> str:
    return request.hub.addresses.client(request.scope, request.headers)


async def _page(request: Request, org: Account, form: Form, *, status: int = 200) -> Response:
    lacking = await request.run(org_security.without_factor, request.hub.database, org.id)
    names = await request.run(factor_overview.members_without, request.hub.database, org.id)
    own = await request.run(request.hub.directory.second_factors.of, request.caller.user_id)
    return frame.page(
        request, "requirements.html", "requirements", org, status=status,
        form=form, lacking=lacking, names=names, has_own=own is not None, address=_address(request),
    )  # fmt: skip


ROUTES = (
    Route("GET", _PATH, Needs.SESSION, show),
    Route("POST", _PATH, Needs.SESSION, change, frame.FORM_BYTES_MAX),
)
