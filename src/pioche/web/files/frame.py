"""What the pages about files have in common: the repo's head, the revision and its choice, the path, the caller's rights."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from pioche.git.objects import Commit
from pioche.http.messages import Request, Response
from pioche.names import RepoId
from pioche.repos import genesis, refs
from pioche.repos.access import Action, Repo
from pioche.repos.revisions import Revision
from pioche.repos.signatures import Verifier
from pioche.web import layout
from pioche.web.files.addresses import Addresses
from pioche.web.repo import heads
from pioche.web.repo.heads import Head

_CHOICES = 30


class Crumb(NamedTuple):
    """A folder on the way to a path."""

    name: str
    href: str


class Choice(NamedTuple):
    """A revision that one may go to. `kind` is branch, tag or pull."""

    kind: str
    name: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """`rev` is the revision as it is written in addresses; `path` is empty at the root."""

    repo_id: RepoId
    head: Head
    at: Addresses
    rev: str
    revision: Revision
    path: str
    choices: list[Choice]
    are_more_choices: bool
    may_write: bool
    """To the branch that is looked at."""
    may_propose: bool

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def is_branch(self) -> bool:
        """Or a pull request: what can be committed to."""
        return self.revision.ref is not None and not self.revision.ref.startswith("refs/tags/")

    @property
    def rev_shown(self) -> str:
        """A commit's id is cut as git does; a pull request is called by its number."""
        if self.revision.ref is None:
            return self.revision.commit[:7]
        return self.rev.removeprefix("refs/pr/") if self.rev.startswith("refs/pr/") else self.rev

    @property
    def crumbs(self) -> list[Crumb]:
        """The folders above the path, the root first."""
        parts = self.path.split("/")[:-1]
        above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        root = Crumb(self.repo_id.name, self.at.tree(self.rev))
        return [root, *(Crumb(path.rpartition("/")[2], self.at.tree(self.rev, path)) for path in above)]


async def frame(request: Request, revision: Revision, path: str = "") -> Frame:
    """For a page about `path` at `revision`."""
    repo = request.repo
    head = await heads.head(request)
    choices, are_more = await request.run(_choices, repo)
    return Frame(
        repo_id=repo.repo_id,
        at=Addresses(repo.repo_id),
        rev=revision.text,
        revision=revision,
        path=path,
        choices=choices,
        are_more_choices=are_more,
        head=head,
        may_write=head.may_write,
        may_propose=await heads.may(request, Action.PROPOSE),
    )


def _choices(repo: Repo) -> tuple[list[Choice], bool]:
    found, are_more = list[Choice](), False
    for kind, prefix in (("branch", "refs/heads/"), ("tag", "refs/tags/"), ("pull", "refs/pr/")):
        some = refs.named(repo, prefix, limit=_CHOICES + 1)
        are_more = are_more or len(some) > _CHOICES
        for ref in some[:_CHOICES]:
            name = ref.name.removeprefix(prefix)
            found.append(Choice(kind, name, ref.name if kind == "pull" else name))
    return found, are_more


async def show(request: Request, template: str, page: Frame, *, status: int = 200, **values: Any) -> Response:
    """Rendered in a thread: changes of thousands of lines take their time."""
    return await request.run(drawn, request, template, page, status=status, **values)


def drawn(request: Request, template: str, page: Frame, *, status: int = 200, **values: Any) -> Response:
    """As `show`, in a thread already."""
    common: dict[str, Any] = {"repo_id": page.repo_id, "head": page.head, "tab": "files"}
    common |= {"page": page, "at": page.at, "author_page": author_page, "verdict": Verifier(request.repo).of}
    return layout.page(request, f"files/{template}", status=status, **common, **values)


def author_page(commit: Commit) -> str:
    """Of whoever commits through this hub; people of elsewhere have none."""
    name = commit.author.name
    return f"/{name}" if commit.author.email == genesis.noreply_address(name) else ""


def see_other(address: str) -> Response:
    """To the page that shows what was done, or that it should have been. Relative, so never to another host."""
    return Response(303, [("Location", address), ("Cache-Control", "no-store")])
