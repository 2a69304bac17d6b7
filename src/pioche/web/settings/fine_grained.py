"""/settings/tokens/new: a fine-grained token (ui.md T3), a tree of what it may do and where.

Each box of the tree is one permission on one thing, sent as `accounts.scopes.parse_wanted` reads it. The form works without
scripts: finding a repository sends all of it, and it comes back with every box that was ticked. The parameters of the address
are the public Hub's, so that links from other people's instructions fill it in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pioche.accounts import entities
from pioche.accounts.account import Account
from pioche.accounts.scopes import Kind, Permission, parse_wanted
from pioche.accounts.tokens import TokenRole, parse_name
from pioche.errors import BadRequest, HubError, NotFound
from pioche.http.messages import Query as Sent
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.names import RepoId, RepoType
from pioche.repos.access import Action
from pioche.search.query import Query, fold_tag
from pioche.web import rows
from pioche.web.forms import Form
from pioche.web.lives import LIVES, ends_at
from pioche.web.settings import frame, tokens

_FORM_BYTES_MAX = 256 * 1024
_FOUND: Final = 5
_SEARCHED: Final = (RepoType.MODEL, RepoType.DATASET, RepoType.SPACE)
_OF_REPO: Final = (Permission.READ, Permission.WRITE, Permission.REVIEW, Permission.DISCUSS)
_OF_NAMESPACE: Final = (*_OF_REPO, Permission.COLLECTIONS_READ, Permission.COLLECTIONS_WRITE)
_OF_USER: Final = (*_OF_NAMESPACE, Permission.WEBHOOKS_READ, Permission.WEBHOOKS_WRITE)
_OF_ORG: Final = (*_OF_NAMESPACE, Permission.ORG_READ, Permission.ORG_WRITE)


@dataclass(slots=True)
class Branch:
    """A thing of the tree. `key` is `kind/name`, `permissions` the boxes on it, `note` what else there is to say of it."""

    key: str
    kind: Kind
    name: str
    permissions: Sequence[Permission]
    note: str = ""


@dataclass(slots=True)
class Tree:
    """What the form offers, and what is ticked in it."""

    accounts: list[Branch] = field(default_factory=list)
    repos: list[Branch] = field(default_factory=list)
    chosen: frozenset[str] = frozenset()
    looked_for: str = ""
    was_found: bool = True


async def new(request: Request) -> Response:
    """GET /settings/tokens/new."""
    query = request.query
    chosen = await request.run(_of_address, request, query)
    values = {"name": query.get("name") or "", "days": "90"}
    values["everywhere"] = "yes" if Permission.DISCUSS in query.all("globalPermissions") else ""
    values["gated"] = "yes" if query.get("canReadGatedRepos") == "true" else ""
    return await _page(request, Form(values), chosen, "")


async def create(request: Request) -> Response:
    """POST /settings/tokens/new: finds repositories to give permissions on, or makes the token, shown in this answer only."""
    sent = await request.form()
    form = Form.of(sent, "name", "days", "everywhere", "gated", "q", "find")
    form.values["name"] = form["name"].strip()
    chosen = frozenset(sent.all("scope"))
    if form["find"]:
        return await _page(request, form, chosen, form["q"].strip())
    form.check("name", parse_name, _("A token has a name of 1 to 100 printable characters."))
    if form["days"] not in LIVES:
        form.errors["days"] = _("Choose one of these.")
    if not form.is_wrong:
        try:
            value = await request.run(_created, request, form, chosen)
        except (BadRequest, NotFound) as error:
            form.error = error.message
        else:
            return await tokens.page(request, tokens.empty(), made=value, made_name=form["name"])
    return await _page(request, form, chosen, "", status=422)


def _created(request: Request, form: Form, chosen: Iterable[str]) -> str:
    user = frame.account(request)

    def find_repo(kind: RepoType, name: str) -> int:
        return request.hub.access.open_sync(request.caller, RepoId.parse(kind, name), Action.READ).id

    given = entities.find(
        request.hub.database,
        user,
        [parse_wanted(text) for text in sorted(chosen)],
        find_repo,
        everywhere=[Permission.DISCUSS] if form["everywhere"] else [],
        reads_gated=bool(form["gated"]),
    )
    value, _token = request.hub.directory.tokens.create(
        user, name=form["name"], role=TokenRole.FINE_GRAINED, expires_at=ends_at(form["days"]), scopes=given
    )
    return value


# --- the tree -------------------------------------------------------------------------------------------------------


async def _page(
    request: Request, form: Form, chosen: frozenset[str], looked_for: str, *, status: int = 200
) -> Response:
    tree = await request.run(_tree, request, chosen, looked_for)
    return frame.page(
        request, "fine_grained.html", "tokens", status=status, form=form, tree=tree, lives=LIVES,
        labels=_labels(),
    )  # fmt: skip


def _tree(request: Request, chosen: frozenset[str], looked_for: str) -> Tree:
    user, directory = frame.account(request), request.hub.directory
    accounts = [_account(Kind.USER, user, _OF_USER)]
    for member in directory.members.orgs_of(user.id):
        policy = directory.approvals.policy(member.account.id)
        note = _("An administrator has to approve the token.") if policy.approves and member.role != "admin" else ""
        accounts.append(_account(Kind.ORG, member.account, _OF_ORG, note))
    keys = {branch.key for branch in accounts}
    named = sorted({text.partition("=")[0] for text in chosen} - keys)
    found = _search(request, looked_for) if looked_for else []
    repos = [one for key in dict.fromkeys([*found, *named]) if (one := _repo(request, key)) is not None]
    return Tree(accounts, repos, chosen, looked_for, was_found=bool(found) or not looked_for)


def _account(kind: Kind, account: Account, permissions: Sequence[Permission], note: str = "") -> Branch:
    return Branch(f"{kind}/{account.name}", kind, account.name, permissions, note)


def _repo(request: Request, key: str) -> Branch | None:
    """None for what is no repo, or not one that the reader may see."""
    kind, _slash, name = key.partition("/")
    try:
        repo_type = RepoType(kind)
        repo = request.hub.access.open_sync(request.caller, RepoId.parse(repo_type, name), Action.READ)
    except (ValueError, HubError):
        return None
    return Branch(f"{kind}/{repo.repo_id}", Kind(kind), str(repo.repo_id), _OF_REPO)


def _search(request: Request, text: str) -> list[str]:
    """Their own first, which is what people look for here."""
    own, others = list[str](), list[str]()
    for repo_type in _SEARCHED:
        query = Query(type=repo_type, words=tuple(fold_tag(text[:100]).split()), limit=_FOUND)
        for row in rows.of_ids(request.hub, request.caller, request.hub.search.find(request.caller, query).ids):
            found = own if row.owner == request.caller.name else others
            found.append(f"{repo_type}/{row.owner}/{row.name}")
    return (own + others)[: 2 * _FOUND]


def _of_address(request: Request, query: Sent) -> frozenset[str]:
    """The boxes that the public Hub's parameters mean: ownUserPermissions, orgs with orgPermissions."""
    user = frame.account(request)
    texts = [f"{Kind.USER}/{user.name}={name}" for name in query.all("ownUserPermissions")]
    texts += [f"{Kind.ORG}/{org}={name}" for org in query.all("orgs") for name in query.all("orgPermissions")]
    return frozenset(texts[:200])


def _labels() -> dict[str, str]:
    """What each box says."""
    return {
        Permission.READ: _("Read private repositories: their files and everything about them"),
        Permission.WRITE: _("Write to repositories: content, branches, settings"),
        Permission.REVIEW: _("See who asked for the files of gated repositories"),
        Permission.DISCUSS: _("Discuss, open pull requests, like"),
        Permission.COLLECTIONS_READ: _("Read private collections"),
        Permission.COLLECTIONS_WRITE: _("Make and change collections"),
        Permission.WEBHOOKS_READ: _("Read your webhooks"),
        Permission.WEBHOOKS_WRITE: _("Make and change your webhooks"),
        Permission.ORG_READ: _("Read the settings of the organisation"),
        Permission.ORG_WRITE: _("Change the settings of the organisation"),
    }


ROUTES = (
    Route("GET", "/settings/tokens/new", Needs.SESSION, new),
    Route("POST", "/settings/tokens/new", Needs.SESSION, create, _FORM_BYTES_MAX),
)
