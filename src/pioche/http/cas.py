"""The address of a repo's Xet store, and the tokens for it (xet.md section 8.1): what several protocols hand out.

Both epochs are in the address, so that a client's memory of uploaded xorbs is per repo and ends when one of them is raised
(architecture.md section 4). No slash at the end, no query: both break clients.

A token carries no rights of its own. It names who asked, and every CAS call asks again whether they may: a revoked
token, a removed member or a repo made private counts from the next call on.
"""

import secrets
import time
from dataclasses import dataclass
from enum import StrEnum

from pioche.db.engine import Lookup
from pioche.errors import Unauthenticated
from pioche.http.messages import Headers, Request
from pioche.repos.access import Repo

PURPOSE = "xet-token"
_EPOCH = Lookup("SELECT value FROM instance WHERE key = 'epoch'")


class Use(StrEnum):
    """What a token was issued for."""

    READ = "read"
    WRITE = "write"
    PROPOSE = "propose"
    """Uploads for a pull request: who may read the repo may open one."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A token for the store at `url`; it ends at `expires_at` (Unix seconds)."""

    url: str
    token: str
    expires_at: int

    @property
    def headers(self) -> Headers:
        return [
            ("X-Xet-Access-Token", self.token),
            ("X-Xet-Token-Expiration", str(self.expires_at)),
            ("X-Xet-Cas-Url", self.url),
        ]


async def grant(request: Request, repo: Repo, use: Use) -> Grant:
    """Raises Unauthenticated for a caller without token and session: the grant could not name it."""
    hub, caller = request.hub, request.caller
    if not caller.is_anonymous and caller.credential is None:
        raise Unauthenticated("A Xet token is issued for an access token: send one")
    where = await place(request, repo)
    seconds = hub.config.xet_token_seconds
    # `run` tells one client's run from the next, for what is answered only so often in a run (storage.xet.dedup).
    claims = {"at": where, "use": use.value, "by": caller.credential, "run": secrets.token_hex(8)}
    token = hub.keyring.seal(PURPOSE, claims, seconds=seconds)
    return Grant(f"{request.base_url}/cas/{where}", token, int(time.time()) + seconds)


async def place(request: Request, repo: Repo) -> str:
    """`{instance epoch}/{repo uid}-{repo epoch}`."""
    row = await request.hub.database.fetch_one(_EPOCH, {})
    assert row is not None, "an instance always has an epoch: db.instance creates it"  # noqa: S101
    return f"{row[0]}/{repo.uid}-{repo.epoch}"


async def url(request: Request, repo: Repo) -> str:
    return f"{request.base_url}/cas/{await place(request, repo)}"
