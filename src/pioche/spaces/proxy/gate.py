"""Who may see an app: whoever may read its repo. Of a public one everybody; of a private one who has a token, or came from its
page.

Pages of the hub embed a private app with `?__sign=...`, which the hub signed for who may read it; the proxy keeps that as a cookie
of the app's own origin, and the app sees neither.
"""

import time
from dataclasses import dataclass

from pioche.accounts.callers import Callers
from pioche.errors import HubError, InvalidToken, SignatureExpired
from pioche.keys import Keyring
from pioche.repos.access import Access, Action, Repo
from pioche.spaces.proxy import heads
from pioche.spaces.proxy.heads import Request

PARAMETER, COOKIE = "__sign", "pioche_space"
SECONDS = 12 * 3600
_PURPOSE = "space"
_REMEMBERED_SECONDS = 10.0
_REMEMBERED_MAX = 10_000


def signed(keyring: Keyring, repo: Repo) -> str:
    """For an address of the app of a repo that somebody was allowed to read."""
    return keyring.sign(_PURPOSE, (repo.uid,), seconds=SECONDS)


@dataclass(frozen=True, slots=True)
class Admitted:
    """`request` is without what was shown at the gate; `sign` is to be kept as a cookie, if it is not empty."""

    request: Request
    sign: str = ""


class Gate:
    """For one event loop."""

    def __init__(self, access: Access, callers: Callers, keyring: Keyring) -> None:
        self._access, self._callers, self._keyring = access, callers, keyring
        self._remembered: dict[tuple[str, str], float] = {}

    async def admit(self, request: Request, repo: Repo) -> Admitted | None:
        """None: to whoever asks, there is no such app. Raises Unavailable, where the database does not answer."""
        request, sign = heads.without_query(request, PARAMETER)
        if not repo.private:
            return Admitted(request)
        if sign and self._is_signed(repo, sign):
            return Admitted(request, sign)
        if self._is_signed(repo, cookie(request)):
            return Admitted(request)
        if await self._may_read(request, repo):
            return Admitted(heads.without_header(request, "authorization"))  # the app sees nobody's token
        return None

    def _is_signed(self, repo: Repo, sign: str) -> bool:
        try:
            self._keyring.verify(_PURPOSE, (repo.uid,), sign)
        except SignatureExpired:
            return False
        return True

    async def _may_read(self, request: Request, repo: Repo) -> bool:
        shown = request.header("x-hf-authorization") or request.header("authorization")
        token = shown.partition(" ")[2].strip()
        if not token:
            return False
        now = time.monotonic()
        if self._remembered.get((repo.uid, token), 0.0) > now:
            return True
        try:
            caller = await self._callers.by_token(token)
            await self._access.open(caller, repo.repo_id, Action.READ)
        except InvalidToken:
            return False
        except HubError as error:
            if error.status >= 500:
                raise
            return False
        if len(self._remembered) >= _REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[repo.uid, token] = now + _REMEMBERED_SECONDS
        return True


def cookie(request: Request) -> str:
    for part in request.header("cookie").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""
