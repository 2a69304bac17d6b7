"""Where a repo is to come from: parsed from what somebody wrote, into addresses that can be called."""

import base64
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self
from urllib.parse import quote, urlsplit

from pioche.errors import BadRequest, ForbiddenAddress
from pioche.names import RepoType
from pioche.outbound.targets import Guard, Target

REVISION_CHARACTERS_MAX = 200
_SECRET_CHARACTERS_MAX = 4096
_NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/)?[A-Za-z0-9_][A-Za-z0-9._-]{0,95}\Z")
_REVISION = re.compile(r"[A-Za-z0-9_+=@-][A-Za-z0-9._+=@/-]*\Z")
_PRINTABLE = re.compile(r"[!-~]*\Z")


class Kind(StrEnum):
    HUB = "hub"
    GIT = "git"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the other side is told of who asks. For this import alone."""

    user: str = ""
    token: str = field(default="", repr=False)

    @classmethod
    def parse(cls, user: str, token: str) -> Self:
        """Raises BadRequest; the message never has the token in it."""
        if len(token) > _SECRET_CHARACTERS_MAX or not _PRINTABLE.match(token):
            raise BadRequest("A token has at most 4096 printable ASCII characters, without blanks")
        if len(user) > 200 or not _PRINTABLE.match(user) or ":" in user:
            raise BadRequest("A user name has at most 200 printable ASCII characters, without blanks and colons")
        if user and not token:
            raise BadRequest("A user name needs a token or password with it")
        return cls(user, token)

    @property
    def header(self) -> str:
        """The value of `Authorization`; empty for nobody. Every git server takes Basic, and a token as the password."""
        if not self.token:
            return ""
        return "Basic " + base64.b64encode(f"{self.user or 'token'}:{self.token}".encode()).decode()


NOBODY = Credentials()


@dataclass(frozen=True, slots=True)
class Source:
    """`url` is the git repo's address, without credentials. `revision` empty: all branches and tags; else the branch, tag or
    commit that becomes `main`."""

    kind: Kind
    url: str
    shown: str
    revision: str = ""

    @classmethod
    def of_hub(cls, endpoint: str, repo_type: RepoType, name: str, revision: str = "") -> Self:
        """A repo of a hub: `name` is `owner/name`, or a name alone for those that have no owner. Raises BadRequest."""
        if not _NAME.match(name):
            raise BadRequest(f"{name[:100]!r} is not the id of a repo: owner/name, as in its address")
        base = _base(endpoint)
        shown = f"{repo_type.prefix}{name} · {Target.parse(base).authority}"
        return cls(Kind.HUB, f"{base}/{repo_type.prefix}{name}", shown, _revision(revision))

    @classmethod
    def of_git(cls, url: str, revision: str = "") -> Self:
        """A repo of a git server, by the address that `git clone` takes. Raises BadRequest."""
        base = _base(url)
        return cls(Kind.GIT, base, base.partition("://")[2], _revision(revision))

    @property
    def lfs_url(self) -> str:
        """Of its LFS server (git-lfs `docs/api/server-discovery.md`)."""
        return lfs_url(self.url)

    def check(self, guard: Guard) -> None:
        """What can be said at once of whether it may be called. Raises ForbiddenAddress."""
        guard.check_literal(Target.parse(self.url))


def lfs_url(git_url: str) -> str:
    return f"{git_url.removesuffix('.git')}.git/info/lfs"


def _base(text: str) -> str:
    """Scheme, host and path of an address, without a slash at its end. Raises ForbiddenAddress (a BadRequest)."""
    written = text.strip().rstrip("/")
    url = written if "://" in written else f"https://{written}"
    Target.parse(url)
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ForbiddenAddress("The address of a repo has no ? and no # in it")
    return f"{parts.scheme}://{parts.netloc.lower()}{quote(parts.path, safe='/%:@!$&()*+,;=~._-')}"


def _revision(text: str) -> str:
    revision = text.strip().removeprefix("refs/heads/").removeprefix("refs/tags/")
    if revision and (len(revision) > REVISION_CHARACTERS_MAX or not _REVISION.match(revision)):
        raise BadRequest(f"{revision[:100]!r} is not the name of a branch or tag, and not the id of a commit")
    return revision
