"""What the pages of administrators share. The list of the tabs is in `moderation/frame.html`, a line each."""

from typing import Any

from pioche.http.messages import Request, Response, redirect
from pioche.web import layout
from pioche.web.forms import DONE

FORM_BYTES_MAX = 64 * 1024


def page(request: Request, template: str, current: str, *, status: int = 200, **values: Any) -> Response:
    """A tab; `current` is its name in the list, `done` what was just decided, if anything."""
    done = request.query.get(DONE) or "" if request.method == "GET" else ""
    return layout.page(request, f"moderation/{template}", status=status, current=current, done=done, **values)


def saved(where: str, what: str = "saved") -> Response:
    """Back to a page, which says so: sending the form again by reloading is not possible then."""
    mark = "&" if "?" in where else "?"
    return redirect(f"{where}{mark}{DONE}={what}", status=303, headers=[("Cache-Control", "no-store")])
