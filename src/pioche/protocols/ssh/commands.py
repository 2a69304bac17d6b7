"""What may be asked for over SSH: one literal table. What is not in it is refused before anything is looked up (E-SSH-1).

Git and git-lfs write `verb 'path'`, as for a shell; no path of a repo needs more than letters, digits and `._-/`, and
nothing else is taken: there is no unquoting that could be tricked.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pioche.errors import BadRequest, NotFound
from pioche.names import VERSIONED, RepoId, RepoType
from pioche.protocols.ssh import fetching, large_files, pushing
from pioche.protocols.ssh.asking import Asking
from pioche.repos.access import Action

_COMMAND = re.compile(
    r"(?P<verb>git[ -][a-z-]{1,40}) (?P<quote>['\"]?)(?P<path>[A-Za-z0-9._/-]{1,300})(?P=quote)"
    r"(?: (?P<operation>[a-z]{1,20})(?: [0-9a-f]{64})?)?\Z",
    re.ASCII,
)
_TYPES = {repo_type.plural: repo_type for repo_type in VERSIONED if repo_type is not RepoType.MODEL}


@dataclass(frozen=True, slots=True)
class Verb:
    """`needs` is what the repo is opened for; handlers may ask for more."""

    name: str
    operation: str | None
    needs: Action
    handler: Callable[[Asking], Awaitable[None]]


VERBS = (
    Verb("git-upload-pack", None, Action.CONTENT, fetching.upload_pack),
    # These two ask for WRITE, unless it is about the caller's own pull requests.
    Verb("git-receive-pack", None, Action.PROPOSE, pushing.receive_pack),
    Verb("git-lfs-authenticate", "upload", Action.PROPOSE, large_files.authenticate),
    Verb("git-lfs-authenticate", "download", Action.CONTENT, large_files.authenticate),
)
_BY_NAME = {(verb.name, verb.operation): verb for verb in VERBS}


def parse(text: str) -> tuple[Verb, RepoId]:
    """Raises BadRequest for what is no command of git's, NotFound for a path that no repo can have."""
    found = _COMMAND.match(text)
    verb = _BY_NAME.get((found["verb"].replace(" ", "-", 1), found["operation"])) if found else None
    if found is None or verb is None:
        raise BadRequest(
            "This hub takes git's fetch and push, and git-lfs-authenticate, over SSH, and no other command"
        )
    if found["path"].startswith("-"):
        raise BadRequest("A path begins with no dash")
    return verb, _repo_id(found["path"])


def _repo_id(path: str) -> RepoId:
    """Not validated: an id that no repo can have is simply not found."""
    parts = path.removeprefix("/").removesuffix("/").removesuffix(".git").split("/")
    repo_type = _TYPES.get(parts[0], RepoType.MODEL) if len(parts) == 3 else RepoType.MODEL
    if len(parts) == 3 and repo_type is not RepoType.MODEL:
        del parts[0]
    if len(parts) > 2 or not all(parts):
        raise NotFound("A repo is called `name/repo`, `datasets/name/repo` or `spaces/name/repo`")
    return RepoId(repo_type, parts[0] if len(parts) == 2 else "", parts[-1])
