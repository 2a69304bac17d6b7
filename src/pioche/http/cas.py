"""The address of a repo's Xet store: what tokens hand out as `casUrl`, and what `resolve` links to.

Both epochs are in it, so that a client's memory of uploaded xorbs is per repo and ends when one of them is raised
(architecture.md section 4). No slash at the end, no query: both break clients (xet.md section 8.1).
"""

from pioche.db.engine import Lookup
from pioche.http.messages import Request
from pioche.repos.access import Repo

_EPOCH = Lookup("SELECT value FROM instance WHERE key = 'epoch'")


async def place(request: Request, repo: Repo) -> str:
    """`{instance epoch}/{repo uid}-{repo epoch}`."""
    row = await request.hub.database.fetch_one(_EPOCH, {})
    assert row is not None, "an instance always has an epoch: db.instance creates it"  # noqa: S101
    return f"{row[0]}/{repo.uid}-{repo.epoch}"


async def url(request: Request, repo: Repo) -> str:
    return f"{request.base_url}/cas/{await place(request, repo)}"
