"""/organizations/{name}/settings/security: how new repositories begin, who sees the members, who may ask to join."""

from pioche.accounts import org_settings
from pioche.accounts.account import Account
from pioche.http.messages import Query, Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.organisations import frame

_PATH = "/organizations/{name}/settings/security"


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/security."""
    org = await request.run(frame.administered, request)
    return frame.page(request, "security.html", "security", org, form=Form({"visibility": _visibility(org)}))


async def change(request: Request) -> Response:
    """POST /organizations/{name}/settings/security."""
    org = await request.run(frame.administered, request)
    sent = await request.form()
    form = Form.of(sent, "visibility")
    if form["visibility"] not in ("public", "private"):
        form.errors["visibility"] = _("Choose one of these.")
        return frame.page(request, "security.html", "security", org, status=422, form=form)
    await request.run(_change, request, org, sent)
    return frame.saved(org, "security")


def _visibility(org: Account) -> str:
    return "private" if org.private_by_default else "public"


def _change(request: Request, org: Account, sent: Query) -> None:
    """Each setting that changes is told of by itself."""
    database, caller_id = request.hub.database, request.caller.user_id
    if sent.get("visibility") != _visibility(org):
        private = sent.get("visibility") == "private"
        org_settings.set_default_visibility(database, org.id, private=private, actor_id=caller_id)
    hides, takes = sent.get("hides_members") == "yes", sent.get("takes_requests") == "yes"
    if (hides, takes) != (org.hides_members, org.takes_requests):
        org_settings.set_openness(database, org.id, hides_members=hides, takes_requests=takes, actor_id=caller_id)


ROUTES = (
    Route("GET", _PATH, Needs.SESSION, show),
    Route("POST", _PATH, Needs.SESSION, change, frame.FORM_BYTES_MAX),
)
