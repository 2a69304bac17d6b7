"""Signed addresses: they need no token, and give no right of their own.

An address names the token or session it was made for (0: nobody's) and what that was allowed. Whoever comes with it is taken
for its user, and whether they may is asked again: a revoked token, a removed member or a repo made private counts at once.
The signature binds the address to one use, repo, file and subject, so that none can be turned into another (E-LFS-5).
"""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from pioche.accounts.callers import Caller
from pioche.errors import Unauthenticated
from pioche.http import placing
from pioche.http.messages import Request
from pioche.names import Sha256
from pioche.repos.access import Action, Repo


class Use(StrEnum):
    """What an address is for. The value is what the signature says."""

    DOWNLOAD = "lfs-download"
    UPLOAD = "lfs-upload"
    """`subject` is the announced size."""
    VERIFY = "lfs-verify"
    """`subject` is the upload's id when the bytes went straight to the store."""
    PART = "lfs-part"
    """`subject` is the upload's id: one signature for all of its parts."""
    COMPLETE = "lfs-complete"


class Signer:
    """Makes the addresses of one batch."""

    def __init__(self, request: Request, repo: Repo, action: Action) -> None:
        """Raises Unauthenticated for a caller without token and session: an address could not name it."""
        caller = request.caller
        if not caller.is_anonymous and caller.credential is None:
            raise Unauthenticated("LFS addresses are made for an access token: send one")
        self._request = request
        self._repo = repo
        self._action = action
        self._by = caller.credential or "0"
        downloads = action is Action.CONTENT
        config = request.hub.config
        self.seconds = config.download_url_seconds if downloads else config.upload_url_seconds

    def query(self, use: Use, sha256: Sha256, subject: str = "") -> str:
        """What follows the path: `?by=..&may=..&signature=..`."""
        parts = (self._repo.uid, sha256, self._by, self._action.value, subject)
        signature = self._request.hub.keyring.sign(use.value, parts, seconds=self.seconds)
        return f"?by={self._by}&may={self._action.value}&signature={quote(signature, safe='')}"

    def base(self, sha256: Sha256) -> str:
        return f"{self._request.base_url}/lfs/{self._repo.uid}/{sha256}"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a verified address says. It is checked once, at the start of a request; rights are asked for with `open`."""

    uid: str
    sha256: Sha256
    by: str
    action: Action

    async def open(self, request: Request) -> Repo:
        """The repo, and `request.caller`. Raises InvalidToken, RepoNotFound, Forbidden: as things are now."""
        request.caller = Caller.nobody()
        if self.by != "0":
            request.caller = placing.at_address(request, await request.hub.callers.by_credential(self.by))
        return await request.hub.access.open_uid(request.caller, self.uid, self.action)


def claim(request: Request, use: Use, subject: str = "") -> Claim:
    """Raises SignatureExpired unless the address was made by this hub for exactly this, and is in time."""
    uid, oid = request.params["uid"], request.params["oid"]
    by, may = request.query.get("by") or "", request.query.get("may") or ""
    signature = request.query.get("signature") or ""
    request.hub.keyring.verify(use.value, (uid, oid, by, may, subject), signature)
    return Claim(uid, Sha256(oid), by, Action(may))
