"""What a handler is given: one command, about a repo that was opened for its caller."""

from dataclasses import dataclass

from pioche.accounts.callers import Caller
from pioche.http.hub import Hub
from pioche.protocols.ssh.channels import Stream
from pioche.repos.access import Repo


@dataclass(frozen=True, slots=True)
class Asking:
    """`version` is git's protocol; `base_url` where this hub is reached by http; `operation` is git-lfs's."""

    hub: Hub
    caller: Caller
    repo: Repo
    stream: Stream
    base_url: str
    version: int = 0
    operation: str = ""
