"""/organizations/new: making an organisation (ui.md U2), for whom the setting `org_creation` allows it."""

from pioche.accounts.account import parse_fullname
from pioche.errors import AlreadyExists, Forbidden, InvalidName
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.names import parse_account_name
from pioche.web import layout
from pioche.web.forms import Form
from pioche.web.organisations import frame

_FIELDS = ("name", "fullname", "visibility")


async def show(request: Request) -> Response:
    """GET /organizations/new."""
    _check_may(request)
    return _page(request, Form({"visibility": "public"}))


async def create(request: Request) -> Response:
    """POST /organizations/new: who makes it is its first administrator."""
    _check_may(request)
    form = Form.of(await request.form(), *_FIELDS)
    form.values["name"] = form["name"].strip()
    try:
        parse_account_name(form["name"])
    except InvalidName:
        form.errors["name"] = _(
            "Use 1 to 96 letters, digits, “-” and “_”; no “--”, no “-” at either end, and no word that the hub uses."
        )
    form.check("fullname", parse_fullname, _("A full name has at most 100 printable characters."))
    if not form.is_wrong:
        await request.run(_create, request, form)
    if form.is_wrong:
        return _page(request, form, status=422)
    return redirect(f"/organizations/{form['name']}/settings/members", status=303)


def _check_may(request: Request) -> None:
    if request.hub.config.org_creation != "everyone" and not request.caller.is_admin:
        raise Forbidden("Organizations of this hub are made by its administrators")


def _create(request: Request, form: Form) -> None:
    """For a worker thread. What is wrong stands in the form then."""
    private, creator = form["visibility"] == "private", request.caller.user_id
    try:
        request.hub.directory.create_org(
            form["name"], fullname=form["fullname"], private_by_default=private, creator_id=creator
        )
    except AlreadyExists:
        form.errors["name"] = _("This name is taken: choose another one.")


def _page(request: Request, form: Form, *, status: int = 200) -> Response:
    return layout.page(request, "organisations/new.html", status=status, form=form)


ROUTES = (
    Route("GET", "/organizations/new", Needs.SESSION, show),
    Route("POST", "/organizations/new", Needs.SESSION, create, frame.FORM_BYTES_MAX),
)
