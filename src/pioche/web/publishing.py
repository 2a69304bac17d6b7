"""What the pages of trusted publishers share, of a repo and of an account: the form for another one."""

from dataclasses import dataclass

from pioche.accounts import publishers
from pioche.accounts.oidc import parse_issuer
from pioche.accounts.publishers import Publisher
from pioche.errors import BadRequest, Forbidden, NotFound, SignInFailed
from pioche.http.messages import Request
from pioche.i18n.texts import gettext as _
from pioche.web.forms import Form

FORM_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Shown:
    """A publisher, and the name of whoever its jobs act for."""

    publisher: Publisher
    name: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody filled in."""

    issuer: str
    claims: dict[str, str]


async def sent(request: Request) -> tuple[Form, Wanted | None]:
    """The form, and what it asks for unless it is wrong. Its issuer is there, and publishes keys."""
    form = Form.of(await request.form(), "issuer", "claims", "reads_private")
    issuer = form.check("issuer", parse_issuer, _("This is not the address of an issuer: it begins with https://."))
    told = _(
        "Write one claim a line, as in repository=org/name, each once. At least one has to say whose jobs these are:"
        " repository, project_path or sub, say; a branch alone does not."
    )
    claims = form.check("claims", publishers.parse_claims, told)
    if issuer is None or claims is None:
        return form, None
    check_signed_in(request)
    try:
        await request.run(request.hub.oidc.check_keys, issuer)
    except (SignInFailed, BadRequest):
        form.errors["issuer"] = _(
            "Nobody at this address says how identity tokens are signed, or the hub does not call it: ask its administrators."
        )
        return form, None
    return form, Wanted(issuer, claims)


def check_signed_in(request: Request) -> None:
    """A token, which may itself be a job's, lets nobody in for good. Raises Forbidden."""
    if request.caller.session_id is None:
        raise Forbidden("Publishers are added by people who signed in in a browser, not by tokens")


def number(text: str) -> int:
    """Of a publisher, in an address. Raises NotFound."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("There is no such publisher")
    return int(text)


def shown(request: Request, found: list[Publisher]) -> list[Shown]:
    """For a worker thread."""
    return [Shown(one, request.hub.directory.by_id(one.user_id).name) for one in found]
