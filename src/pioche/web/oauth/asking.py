"""What somebody is asked before an application is let in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pioche.accounts.account import Account
from pioche.accounts.oauth import consents, grants, scopes
from pioche.accounts.oauth.applications import Application
from pioche.accounts.oauth.grants import Signed
from pioche.http.messages import Query, Request
from pioche.i18n.texts import lazy as _

WORDS: Final = {
    scopes.OPENID: _("know that it is you"),
    scopes.PROFILE: _("read your name, your picture and which organisations you belong to"),
    scopes.EMAIL: _("read your e-mail address"),
    scopes.OFFLINE: _("go on doing so while you are away"),
    "read-repos": _("read your private repositories and collections"),
    "gated-repos": _("read the files of gated repositories that you were let in to"),
    "write-repos": _("write to your repositories: create, change, move and delete them"),
    "manage-repos": _("manage your repositories and collections, their settings and who may read them"),
    "write-discussions": _("open discussions and pull requests, and comment, in your name"),
    "inference-api": _("ask models in your name"),
    "jobs": _("see and run jobs in your name"),
    "webhooks": _("see and change your webhooks"),
}
"""What each scope lets an application do, after “It could:”."""


@dataclass(frozen=True, slots=True)
class Asking:
    """An application and what it asks for. `owner` is empty for the hub's own; `orgs` are those to choose from, with whether
    they are chosen already."""

    application: Application
    owner: str
    scopes: tuple[str, ...]
    orgs: tuple[tuple[str, bool], ...]

    @property
    def words(self) -> Sequence[str]:
        return [WORDS[name] for name in self.scopes]


def asking(request: Request, application: Application, asked: tuple[str, ...]) -> Asking:
    """For a worker thread. One's own command line begins with every organisation, what others made with those of last time."""
    database, directory, user_id = request.hub.database, request.hub.directory, request.caller.user_id
    owner = "" if application.owner_id is None else directory.by_id(application.owner_id).name
    orgs: tuple[tuple[str, bool], ...] = ()
    if scopes.REACHING_ORGS & set(asked):
        last = consents.find(database, user_id, application)
        chosen = frozenset(last.orgs) if last is not None else frozenset[int]()
        is_own = application.is_command_line and last is None
        orgs = tuple((name, is_own or row in chosen) for row, name in consents.choosable(database, user_id))
    return Asking(application, owner, asked, orgs)


def agreed(request: Request, sent: Query, application: Application, asked: tuple[str, ...]) -> Signed:
    """What the form says yes to. For a worker thread."""
    user: Account = request.hub.directory.by_id(request.caller.user_id)
    choosable = consents.choosable(request.hub.database, user.id)
    return Signed(user, application, asked, grants.kept_orgs(sent.all("org"), choosable))
