"""/settings/notifications: what one wants to be told of, on the bell and by mail, and the repos and threads that one watches or
muted (ui.md T6)."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from pioche.accounts import mail_addresses, mail_choices
from pioche.accounts.mail_choices import Frequency
from pioche.community import choices
from pioche.community.choices import Choice
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.web.settings import frame

_FORM_BYTES_MAX: Final = 16 * 1024


async def show(request: Request) -> Response:
    """GET /settings/notifications."""
    found = await request.run(_found, request)
    return frame.page(request, "notifications.html", "notifications", **found)


def _found(request: Request) -> dict[str, Any]:
    database, caller = request.hub.database, request.caller
    every = choices.heard(database, caller)
    user = frame.account(request)
    return {
        "sends_mail": request.hub.config.sends_mail,
        "address": user.email or "",
        "is_proved": mail_addresses.is_proved(database, user),
        "frequency": mail_choices.frequency(database, caller.user_id).value,
        "refused_mail": choices.refused(database, caller.user_id, by_mail=True),
        "refused": choices.refused(database, caller.user_id),
        "is_account_refused": mail_choices.is_account_refused(database, caller.user_id),
        "watched": [one for one in every if not one.is_muted],
        "muted": [one for one in every if one.is_muted],
    }


async def change(request: Request) -> Response:
    """POST /settings/notifications: each `tell` is `reason:kind`; what is not sent is refused. `mail` is the same of letters, and
    `frequency` how often they come; both are left as they are where the form has no `frequency`, as on a hub without mail."""
    sent, database, user_id = await request.form(), request.hub.database, request.caller.user_id
    often = Frequency.parse(sent.get("frequency") or "") if sent.get("frequency") else None
    await request.run(choices.refuse, database, user_id, _refused(sent.all("tell")))
    if often is not None:
        by_mail = partial(choices.refuse, database, user_id, _refused(sent.all("mail")), by_mail=True)
        await request.run(by_mail)
        await request.run(mail_choices.choose, database, user_id, often)
        is_refused = sent.get("account") != "yes"
        await request.run(partial(mail_choices.refuse_account, database, user_id, is_refused=is_refused))
    return frame.saved("notifications")


def _refused(wanted: Sequence[str]) -> list[Choice]:
    every = ((reason, kind) for reason in choices.REASONS for kind in choices.KINDS)
    return [(reason, kind) for reason, kind in every if f"{reason}:{kind}" not in wanted]


ROUTES = (
    Route("GET", "/settings/notifications", Needs.SESSION, show),
    Route("POST", "/settings/notifications", Needs.SESSION, change, _FORM_BYTES_MAX),
)
