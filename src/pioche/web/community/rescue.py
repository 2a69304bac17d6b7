"""Where a form could not even be looked at: the session has ended, the repo is gone, there were too many requests. What was
written comes back, in a form that sends it to the same address again."""

from pioche.errors import CrossSite, HubError, RepoNotFound, Unauthenticated
from pioche.http import errors as http_errors
from pioche.http.messages import Request, Response
from pioche.web import errors, layout

_FIELDS = ("type", "title", "base", "then", "path", "line", "side", "commit", "back")


async def text(request: Request, error: HubError) -> Response:
    """Of the fields `text` and `description`. Nothing here is known of the repo."""
    form = await request.form()
    words = errors.words(error)
    name = "description" if form.get("description") is not None else "text"
    says_more = error.status < 500 and not isinstance(error, Unauthenticated | RepoNotFound | CrossSite)
    return layout.page(
        request,
        "community/rescued.html",
        status=error.status,
        headers=http_errors.headers(error),
        error_title=words[0],
        error_advice=words[1],
        error_detail=error.message if says_more else "",
        is_signed_out=request.caller.is_anonymous and not request.csrf_token and not isinstance(error, CrossSite),
        is_unproven=isinstance(error, CrossSite),
        fields={name: value for name in _FIELDS if (value := form.get(name))},
        name=name,
        text=(form.get(name) or "").replace("\r\n", "\n"),
    )
