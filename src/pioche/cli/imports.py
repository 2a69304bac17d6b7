"""`pioche import`."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pioche.accounts.callers import Caller
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.cli.progress import bars
from pioche.cli.repos import parse
from pioche.errors import Unprocessable
from pioche.imports.registry import Import, State, Wanted
from pioche.imports.sources import Credentials, Source
from pioche.names import RepoType
from pioche.observe import log
from pioche.repos.access import Repo
from pioche.repos.catalog import NewRepo
from pioche.upkeep.progress import Progress

if TYPE_CHECKING:
    from pioche.http.hub import Hub

Flag = Annotated[bool, Parameter(negative=())]
_POLL_SECONDS = 0.5


def import_(
    address: str,
    name: str,
    /,
    *,
    user: str,
    revision: str = "",
    private: Flag = False,
    token_user: str = "",
    token_stdin: Flag = False,
    options: Options = DEFAULT,
) -> None:
    """Import a repo from another hub or a git server, and wait until it is here.

    A hub that runs does the work, or else this command; broken off, it goes on when the hub is started again.

    Parameters
    ----------
    address
        What `git clone` takes: https://huggingface.co/OWNER/NAME, https://git.example.org/group/name.git.
    name
        What it is called here: NAMESPACE/NAME, with datasets/ or spaces/ in front for those.
    user
        Who makes it: an account of this hub.
    revision
        A branch, tag or commit that becomes main; else all branches and tags come.
    private
        It stays private. Else everybody sees it when it is whole.
    token_user
        The user name that the other side wants with the token, if any.
    token_stdin
        Read a token for the other side from standard input: on the command line, others on this machine can see it.
    """
    found = parse(name)
    token = sys.stdin.readline().strip() if token_stdin else ""
    with options.hub() as hub:
        account = hub.directory.get_user(user)
        caller = Caller(account.id, account.name, may_write=True, is_admin=account.is_admin)
        sdk = "static" if found.type is RepoType.SPACE else None  # until its card says
        new = NewRepo(type=found.type, namespace=found.namespace, name=found.name, private=private, sdk=sdk)
        wanted = Wanted(new, Source.of_git(address, revision), Credentials.parse(token_user, token))
        repo = hub.imports.begin(hub.catalog, caller, wanted)
        ended = _followed(hub, repo)
        if ended.state is not State.DONE:
            raise Unprocessable(f"The import did not end well: {ended.error or ended.state.value}")
        done = {"type": found.type.value, "name": str(repo.repo_id), "notes": list(ended.notes)}
        output.show(done, f"{repo.repo_id} is here.", json=options.json)


def _followed(hub: "Hub", repo: Repo) -> Import:
    """Works on it too, unless the running hub was quicker, and draws how far it is."""
    from pioche import app

    log.configure("error", "text", stream=sys.__stderr__)  # standard output is for what was found
    worker = app.build_importer(hub.config, hub.database)
    worker.start()
    try:
        with bars() as progress:
            return _wait(hub, repo, progress)
    finally:
        worker.stop(seconds=hub.config.drain_seconds)


def _wait(hub: "Hub", repo: Repo, progress: Progress) -> Import:
    phase, shown = "", 0
    while (found := hub.imports.get(repo)).is_under_way:
        now = found.progress
        if now.phase != phase:
            phase, shown = now.phase, 0
            progress.begin(now.phase.value, now.bytes_total or None)
        progress.advance(max(0, now.bytes_done - shown))
        shown = max(shown, now.bytes_done)
        time.sleep(_POLL_SECONDS)
    return found
