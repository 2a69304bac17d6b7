"""Telling the administrators of a repo, a comment or an account; asking a disabled repo back; what came of it (ui.md C5, R3)."""

from collections.abc import Callable
from dataclasses import dataclass

from pioche.accounts.account import Account
from pioche.community import reading
from pioche.errors import AccountNotFound, Conflict, HubError, TooManyRequests
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.moderation import reports
from pioche.moderation.reports import Reason
from pioche.repos.access import Action
from pioche.web import layout
from pioche.web.community.frame import number_of
from pioche.web.forms import Form
from pioche.web.moderation import frame
from pioche.web.moderation.wording import REASONS


@dataclass(frozen=True, slots=True)
class _About:
    """What is reported: its name, a link to it, where the form goes, and what it says (of a comment)."""

    what: str
    name: str
    href: str
    action: str
    said: str = ""


# --- a repo, a comment, an account ----------------------------------------------------------------------------------


async def repo_form(request: Request) -> Response:
    """GET /{repo}/report."""
    return _page(request, _of_repo(request), Form())


async def report_repo(request: Request) -> Response:
    """POST /{repo}/report: the fields `reason` and `text`."""
    form = await _form(request)
    return await _sent(
        request, form, _of_repo(request), lambda why, text: reports.report_repo(request.repo, request.caller, why, text)
    )


async def comment_form(request: Request) -> Response:
    """GET /{repo}/discussions/{number}/comment/{id}/report."""
    return _page(request, await request.run(_of_comment, request), Form())


async def report_comment(request: Request) -> Response:
    """POST /{repo}/discussions/{number}/comment/{id}/report: as of a repo."""
    about, form = await request.run(_of_comment, request), await _form(request)
    number, uid = number_of(request), request.params["id"].lower()
    return await _sent(
        request,
        form,
        about,
        lambda why, text: reports.report_comment(request.repo, request.caller, number, uid, why, text),
    )


async def account_form(request: Request) -> Response:
    """GET /settings/reports/new?name=: of an account."""
    found = await request.run(_account, request, request.query.get("name") or "")
    return _page(request, _of_account(found), Form())


async def report_account(request: Request) -> Response:
    """POST /settings/reports/new?name=: as of a repo."""
    found, form = await request.run(_account, request, request.query.get("name") or ""), await _form(request)
    database = request.hub.database
    return await _sent(
        request,
        form,
        _of_account(found),
        lambda why, text: reports.report_account(database, request.caller, found, why, text),
    )


async def appeal(request: Request) -> Response:
    """POST /{repo}/appeal: the field `text`, by who may write to it."""
    text = (await request.form()).get("text") or ""
    await request.run(reports.appeal, request.repo, request.caller, text)
    return frame.saved("/settings/reports", "appealed")


async def own(request: Request) -> Response:
    """GET /settings/reports: what one reported, and what was answered."""
    found = await request.run(reports.of_author, request.hub.database, request.caller.user_id)
    done = request.query.get("done") or ""
    return layout.page(
        request, "moderation/reported.html", current="reports", done=done, reports=found, reasons=REASONS
    )


def _of_repo(request: Request) -> _About:
    repo_id = request.repo.repo_id
    name = f"{repo_id.type.prefix}{repo_id}"
    return _About(_("the repository"), name, repo_id.web_path, f"{repo_id.web_path}/report")


def _of_comment(request: Request) -> _About:
    """Raises EntryNotFound."""
    repo_id, number, uid = request.repo.repo_id, number_of(request), request.params["id"].lower()
    event = reading.event(request.repo, number, uid)
    thread = f"{repo_id.web_path}/discussions/{number}"
    who = event.author.name if event.author else _("deleted account")
    name = f"{who} · {repo_id.type.prefix}{repo_id}#{number}"
    return _About(_("the comment of"), name, f"{thread}#{uid}", f"{thread}/comment/{uid}/report", event.text)


def _of_account(account: Account) -> _About:
    return _About(_("the account"), account.name, f"/{account.name}", f"/settings/reports/new?name={account.name}")


def _account(request: Request, name: str) -> Account:
    """Raises AccountNotFound: a suspended one is not there any more."""
    found = request.hub.directory.get(name[:200])
    if found.is_suspended and not request.caller.is_admin:
        raise AccountNotFound("This user does not exist")
    return found


async def _form(request: Request) -> Form:
    return Form.of(await request.form(), "reason", "text")


async def _sent(request: Request, form: Form, about: _About, send: Callable[[Reason, str], int]) -> Response:
    reason = form.check("reason", Reason.parse, _("Choose what is wrong."))
    form.check("text", reports.checked, _("Say it in at most 2,000 characters."))
    if form.is_wrong or reason is None:
        return _page(request, about, form, 422)
    try:
        await request.run(send, reason, form["text"])
    except (Conflict, TooManyRequests) as error:
        form.error = _refused(error)
        return _page(request, about, form, error.status)
    return frame.saved("/settings/reports", "reported")


def _refused(error: HubError) -> str:
    if isinstance(error, TooManyRequests):
        return _("Many of your reports wait to be decided: report more when they are.")
    return _("You told the administrators of this already, or it is settled, or it is your own.")


def _page(request: Request, about: _About, form: Form, status: int = 200) -> Response:
    return layout.page(
        request, "moderation/report.html", status=status, about=about, form=form, reasons=REASONS, most=2000
    )


_COMMENT = "/{repo:web}/discussions/{number}/comment/{id}/report"

ROUTES = (
    Route("GET", "/{repo:web}/report", Action.PARTICIPATE, repo_form),
    Route("POST", "/{repo:web}/report", Action.PARTICIPATE, report_repo, frame.FORM_BYTES_MAX),
    Route("GET", _COMMENT, Action.PARTICIPATE, comment_form),
    Route("POST", _COMMENT, Action.PARTICIPATE, report_comment, frame.FORM_BYTES_MAX),
    Route("POST", "/{repo:web}/appeal", Action.APPEAL, appeal, frame.FORM_BYTES_MAX),
    Route("GET", "/settings/reports", Needs.SESSION, own),
    Route("GET", "/settings/reports/new", Needs.SESSION, account_form),
    Route("POST", "/settings/reports/new", Needs.SESSION, report_account, frame.FORM_BYTES_MAX),
)
