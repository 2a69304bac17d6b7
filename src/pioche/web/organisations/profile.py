"""/organizations/{name}/settings/profile: what others see of an organisation (ui.md U3)."""

from pioche.accounts import org_settings
from pioche.accounts.account import parse_bio, parse_fullname, parse_homepage
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form
from pioche.web.organisations import frame

_FIELDS = ("fullname", "bio", "homepage")


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/profile."""
    org = await request.run(frame.administered, request)
    form = Form({"fullname": org.fullname, "bio": org.bio or "", "homepage": org.homepage or ""})
    return frame.page(request, "profile.html", "profile", org, form=form)


async def change(request: Request) -> Response:
    """POST /organizations/{name}/settings/profile."""
    org = await request.run(frame.administered, request)
    form = Form.of(await request.form(), *_FIELDS)
    form.check("fullname", parse_fullname, _("A full name has at most 100 printable characters."))
    form.check("bio", parse_bio, _("A bio has at most 500 printable characters."))
    form.check("homepage", parse_homepage, _("An address of the web begins with https:// or http://."))
    if form.is_wrong:
        return frame.page(request, "profile.html", "profile", org, status=422, form=form)
    await request.run(_change, request, org.id, form)
    return frame.saved(org, "profile")


def _change(request: Request, org_id: int, form: Form) -> None:
    values = {name: form[name] for name in _FIELDS}
    org_settings.change_profile(request.hub.database, org_id, actor_id=request.caller.user_id, **values)


ROUTES = (
    Route("GET", "/organizations/{name}/settings/profile", Needs.SESSION, show),
    Route("POST", "/organizations/{name}/settings/profile", Needs.SESSION, change, frame.FORM_BYTES_MAX),
)
