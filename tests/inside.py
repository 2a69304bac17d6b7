"""A whole hub in this process: the core of tests/core.py, and its protocols reached without a socket.

with Inside(config) as inside:
    ada = inside.user("ada")
    inside.repo(ada, "ada/words")
    answer = inside.client.get("/api/models/ada/words", token=inside.token(ada))
"""

import io
import json
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from pioche.accounts import entities
from pioche.accounts.callers import Caller
from pioche.accounts.scopes import parse_wanted
from pioche.accounts.tokens import TokenRole
from pioche.app import PROTOCOLS
from pioche.config import Config
from pioche.http.kernel import Kernel
from pioche.names import RepoType
from pioche.observe import log
from tests.asgi import Answer, Client
from tests.core import Core


class Inside(Core):
    """One hub. Leaving the block shuts it down. `log` has what went wrong on its side: nothing, in most tests."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.log = io.StringIO()
        log.configure("error", "json", stream=self.log)
        self.client = Client(Kernel(self.hub, PROTOCOLS))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def publisher(self, name: str) -> Caller:
        """A person with something to read for everybody (`name/words`) and something for nobody else (`name/secret`)."""
        made = self.user(name)
        self.commit(self.repo(made, f"{name}/words"), made, {"a.txt": b"public"})
        self.commit(self.repo(made, f"{name}/secret", private=True), made, {"a.txt": b"secret"})
        return made

    def cookie(self, user: Caller) -> dict[str, str]:
        """The headers of a browser in which they have just signed in."""
        secret, _ = self.hub.directory.sessions.start(self.accounts[user.name], hours=1)
        return {"cookie": f"pioche_session_8000={secret}"}

    def token(self, user: Caller, role: str = "write") -> str:
        return self.hub.directory.tokens.create(self.accounts[user.name], role=TokenRole(role))[0]

    def fine_grained(self, user: Caller, *scopes: str, everywhere: Sequence[str] = (), gated: bool = False) -> str:
        """A token that allows this only: `kind/name=permission,permission`, as the command line has it."""
        account, wanted = self.accounts[user.name], [parse_wanted(text) for text in scopes]

        def find(kind: RepoType, name: str) -> int:
            return self.open(user, name, type=kind).id

        given = entities.find(self.hub.database, account, wanted, find, everywhere=everywhere, reads_gated=gated)
        return self.hub.directory.tokens.create(account, role=TokenRole.FINE_GRAINED, scopes=given)[0]


def ndjson(header: Any, *lines: Any) -> bytes:
    """The body of a commit call; `lines` are (key, value), or bytes as they are."""
    first = header if isinstance(header, bytes) else json.dumps({"key": "header", "value": header}).encode()
    rest = [
        line if isinstance(line, bytes) else json.dumps({"key": line[0], "value": line[1]}).encode() for line in lines
    ]
    return b"\n".join([first, *rest]) + b"\n"


_LEAKS = re.compile(
    rb"Traceback|File \"|\.py\b|sqlite3|psycopg|sqlalchemy|pygit2|/(?:tmp|home|root)/|site-packages", re.IGNORECASE
)


def assert_refused(answer: Answer, *, statuses: range | tuple[int, ...] = range(400, 500)) -> None:
    """A 4xx with a sentence that says what to mend, and nothing of the server's own in it."""
    assert answer.status in statuses, (answer.status, answer.body[:300])
    assert answer.complete
    message = answer.headers.get("x-error-message", "")
    assert len(message.split()) >= 2, (answer.status, answer.headers, answer.body[:300])
    assert message.replace("\t", " ").isprintable(), message
    assert not _LEAKS.search(answer.body), answer.body[:300]
    if answer.headers["content-type"].startswith("application/json"):
        assert isinstance(answer.json()["error"], str)
