"""What the pages of the settings share: the account they are about, and the list of the pages."""

from typing import Any

from pioche.accounts.account import Account
from pioche.http.messages import Request, Response, redirect
from pioche.web import forms, layout

DONE = forms.DONE


def account(request: Request) -> Account:
    """The one whose settings these are. For a worker thread."""
    return request.hub.directory.by_id(request.caller.user_id)


def page(request: Request, template: str, current: str, *, status: int = 200, **values: Any) -> Response:
    """A page of the settings; `current` is its name in the list, `done` what was just changed, if anything."""
    done = request.query.get(DONE) or "" if request.method == "GET" else ""
    return layout.page(request, f"settings/{template}", status=status, current=current, done=done, **values)


def saved(where: str, what: str = "saved") -> Response:
    """Back to the page, which says so: sending the form again by reloading is not possible then."""
    return redirect(f"/settings/{where}?{DONE}={what}", status=303, headers=[("Cache-Control", "no-store")])
