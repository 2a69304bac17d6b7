"""The gate of a repo as its card page shows it (ui.md M12): what it asks, and how far the reader's request is."""

from dataclasses import dataclass

from pioche.http.messages import Request
from pioche.i18n import territories
from pioche.i18n.texts import gettext
from pioche.i18n.texts import lazy as _
from pioche.render.jobs import Links
from pioche.render.renderer import Source
from pioche.repos.gating import forms, requests
from pioche.repos.gating.forms import Form, Problem
from pioche.repos.gating.requests import Own
from pioche.web.repo.heads import Head

_PROBLEMS: dict[Problem, str] = {
    Problem.MISSING: _("This has to be answered."),
    Problem.TOO_LONG: _("This is too long."),
    Problem.NOT_PLAIN: _("This has characters that cannot be shown."),
    Problem.NO_DATE: _("This is not a date."),
    Problem.NO_OPTION: _("Choose one of these."),
    Problem.EXCLUDED: _("The authors do not give access in the European Union."),
}
_CHANGED = _("What is asked here has changed since you opened the page: read it again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`prompt` and `description` are HTML. `own` is the reader's request, if there is one. `sent` is what was filled in, and
    `wrong` what does not fit, by label. `waiting`: how many requests the reader could decide."""

    form: Form
    is_closed: bool
    prompt: str
    description: str
    own: Own | None
    email: str
    countries: tuple[tuple[str, str], ...]
    sent: dict[str, str]
    wrong: dict[str, str]
    waiting: int

    @property
    def changed(self) -> str:
        """Said above the form, of no field."""
        return self.wrong.get(forms.AGREEMENT, "")


def of(request: Request, head: Head, sent: dict[str, str], wrong: dict[str, str]) -> Gate:
    """For a worker thread."""
    repo, caller = request.repo, request.caller
    form = requests.form(repo)
    email = ""
    if caller.user_id and head.is_closed:
        email = request.hub.directory.by_id(caller.user_id).email or ""
    return Gate(
        form=form,
        is_closed=head.is_closed,
        prompt=_rendered(request, form.prompt) if head.is_closed else "",
        description=_rendered(request, form.description) if head.is_closed else "",
        own=requests.own(repo, caller) if caller.user_id else None,
        email=email,
        countries=territories.named(),
        sent=sent,
        wrong=wrong,
        waiting=requests.waiting(repo) if head.may_manage else 0,
    )


def problems(request: Request, sent: dict[str, str]) -> dict[str, str]:
    """What does not fit, by label, in words for the reader. For a worker thread."""
    form = requests.form(request.repo)
    if sent.get(forms.AGREEMENT, form.version) != form.version:
        return {forms.AGREEMENT: gettext(_CHANGED)}
    return {label: gettext(_PROBLEMS[problem]) for label, problem in forms.check(form, sent).problems.items()}


def _rendered(request: Request, text: str) -> str:
    """As a card's text is: sanitised."""
    if not text:
        return ""
    links = Links(request.repo.repo_id.web_path, "main", "README.md", request.base_url)
    return request.hub.renderer.markdown(Source.of(text.encode()), links).html
