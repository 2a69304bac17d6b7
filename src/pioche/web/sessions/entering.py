"""A session begins: after the right password, after joining, after another password."""

from pioche.accounts.account import Account
from pioche.http import cookies
from pioche.http.messages import Headers, Request, Response, redirect
from pioche.web import layout

_HOUR_S = 3600
_DAY_HOURS = 24


async def enter(request: Request, user: Account, target: str, *, is_remembered: bool) -> Response:
    """On to `target`, signed in. The session that this browser may have had before is over: no session outlives a change
    of who uses it."""
    return redirect(target, status=303, headers=await request.run(_begin, request, user, is_remembered))


def _begin(request: Request, user: Account, is_remembered: bool) -> Headers:
    config, sessions = request.hub.config, request.hub.directory.sessions
    before = cookies.session_secret(request)
    if before is not None and cookies.is_secret(before):
        sessions.end_by_secret(before)
    hours = config.session_remembered_days * _DAY_HOURS if is_remembered else config.session_hours
    agent = request.headers.get("user-agent", "")
    secret, _ = sessions.start(user, user_agent=agent, hours=hours, is_remembered=is_remembered)
    kept = cookies.keep_session(request.base_url, secret, seconds=hours * _HOUR_S if is_remembered else None)
    return [("Cache-Control", "no-store"), kept, *layout.choice_cookies(request, user.language, user.theme)]
