"""What the settings of an organisation share. The list of the tabs is in `organisations/frame.html`, a line each."""

from typing import Any

from pioche.accounts.account import Account
from pioche.accounts.members import Role
from pioche.errors import Forbidden
from pioche.http.messages import Request, Response, redirect
from pioche.web import layout
from pioche.web.forms import DONE

FORM_BYTES_MAX = 64 * 1024
FOR_ADMINISTRATORS = "The settings of an organization are for its administrators"


def entered(request: Request) -> Account:
    """The organisation that the address names. For a worker thread. Raises AccountNotFound, and Forbidden for its members who
    do not fulfil what it asks of them."""
    org, caller = request.hub.directory.get_org(request.params["name"]), request.caller
    if not caller.is_admin and (barred := caller.barred_from(org.id)) is not None:
        raise barred.refusal()
    return org


def administered(request: Request) -> Account:
    """As `entered`; raises Forbidden for who does not administer it, too."""
    org = entered(request)
    if not administers(request, org):
        raise Forbidden(FOR_ADMINISTRATORS)
    return org


def administers(request: Request, org: Account) -> bool:
    """Whether the settings of an organisation are the caller's to change. For a worker thread."""
    caller = request.caller
    return caller.is_admin or request.hub.directory.members.role(org.id, caller.user_id) is Role.ADMIN


def page(request: Request, template: str, current: str, org: Account, *, status: int = 200, **values: Any) -> Response:
    """A tab; `current` is its name in the list, `done` what was just changed, if anything."""
    done = request.query.get(DONE) or "" if request.method == "GET" else ""
    return layout.page(
        request, f"organisations/{template}", status=status, current=current, org=org, done=done, **values
    )


def base(org: Account) -> str:
    """Where the settings stand."""
    return f"/organizations/{org.name}/settings"


def saved(org: Account, where: str, what: str = "saved") -> Response:
    """Back to a tab, which says so: sending the form again by reloading is not possible then."""
    return redirect(f"{base(org)}/{where}?{DONE}={what}", status=303, headers=[("Cache-Control", "no-store")])
