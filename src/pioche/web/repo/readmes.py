"""The text of a card, rendered: of a repo, or of an organisation, whose card is that of its Space `README` (ui.md U2)."""

from pioche.accounts.account import Account
from pioche.errors import Corrupt, EntryNotFound, RepoNotFound
from pioche.http.messages import Request
from pioche.names import RepoId, RepoType
from pioche.render.jobs import Links
from pioche.render.renderer import MARKDOWN_BYTES_MAX, Source
from pioche.render.results import Markdown, Problem
from pioche.repos import files, overviews
from pioche.repos.access import Action, Moved, Repo

_OF_ORGANISATION = "README"


def of(request: Request, repo: Repo) -> Markdown | None:
    """None when there is none."""
    entry = overviews.readme(repo)
    if entry is None:
        return None
    if entry.size > MARKDOWN_BYTES_MAX:
        return Markdown("", problem=Problem.TOO_LARGE)
    links = Links(repo.repo_id.web_path, "main", "README.md", request.base_url)
    source = Source(entry.sha256 or entry.oid, lambda: files.read_all(repo, entry))
    try:
        return request.hub.renderer.markdown(source, links)
    except (Corrupt, EntryNotFound):  # of a card in LFS whose bytes are gone: the rest of the page is whole
        return Markdown("", problem=Problem.UNREADABLE)


def of_organisation(request: Request, org: Account) -> Markdown | None:
    """None when it has no such Space, or none that the caller may open."""
    try:
        repo = request.hub.access.open_sync(
            request.caller, RepoId(RepoType.SPACE, org.name, _OF_ORGANISATION), Action.CONTENT
        )
    except (RepoNotFound, Moved):
        return None
    return of(request, repo)
