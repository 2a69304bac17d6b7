"""How often somebody may ask: three buckets with a fixed window each, as the public Hub's (reliability.md section 2.1).

Who is signed in or has a token is counted by account, everybody else by address, so that a shared address does not hold up
those who say who they are. What a request before it has allowed (signed addresses, tokens of Xet) is not counted again.

`huggingface_hub` reads the headers (utils/_http.py, `parse_ratelimit_headers`) and waits as long as they say.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pioche.accounts import permits
from pioche.config import Config
from pioche.db.engine import Database
from pioche.errors import RateLimited
from pioche.http.threads import run
from pioche.networks import customer

_BLOCKS = 20
"""In so many blocks a process takes the permits of a window: at most one of them is left over in each process."""
_KEPT_MAX = 50_000
_UNASKED = -1


class Bucket(StrEnum):
    """What a request counts as, by its protocol."""

    API = "api"
    RESOLVERS = "resolvers"
    """Files and git."""
    PAGES = "pages"


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests in a window: of an account, of an address without one."""

    account: int
    address: int


@dataclass(frozen=True, slots=True)
class Left:
    """What is left after a request: of `quota`, for `seconds` more."""

    bucket: Bucket
    quota: int
    window: int
    count: int
    seconds: int

    def headers(self) -> list[tuple[str, str]]:
        """In the words of the public Hub."""
        return [
            ("RateLimit", f'"{self.bucket}";r={self.count};t={self.seconds}'),
            ("RateLimit-Policy", f'"fixed window";"{self.bucket}";q={self.quota};w={self.window}'),
        ]


@dataclass(slots=True)
class _Held:
    """A process's own permits of a window, and what there was for everybody when it took them."""

    window: int
    own: int = 0
    others: int = 0


class Limits:
    """`take` is for the event loop. One for each process; the database makes them agree."""

    def __init__(
        self,
        database: Database,
        quotas: Mapping[Bucket, Quota],
        *,
        window_seconds: int = 300,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._quotas = quotas
        self._seconds = window_seconds
        self._clock = clock
        self._held: dict[str, _Held] = {}

    @classmethod
    def of(cls, config: Config, database: Database) -> "Limits | None":
        """None where rate limits are off."""
        if config.rate_limits == "off":
            return None
        quotas = {
            Bucket.API: Quota(config.rate_api, config.rate_api_anonymous),
            Bucket.RESOLVERS: Quota(config.rate_resolvers, config.rate_resolvers_anonymous),
            Bucket.PAGES: Quota(config.rate_pages, config.rate_pages_anonymous),
        }
        return cls(database, quotas, window_seconds=config.rate_seconds)

    async def take(self, bucket: Bucket, user_id: int, address: str) -> Left:
        """Counts a request. `user_id` 0: nobody is known, and `address` is counted. Raises RateLimited."""
        now = self._clock()
        window, seconds = int(now // self._seconds), self._seconds - int(now % self._seconds)
        quota = self._quotas[bucket].account if user_id else self._quotas[bucket].address
        key = f"{bucket}:{user_id}" if user_id else f"{bucket}:{customer(address)}"
        held = self._held.get(key)
        if held is None or held.window != window:
            held = self._begun(key, window)
        if held.own == 0 and (held.others > 0 or held.others == _UNASKED):
            await self._fetch(held, key, quota)
        left = Left(bucket, quota, self._seconds, max(0, held.own - 1) + max(0, held.others), seconds)
        if held.own == 0:
            raise RateLimited(_refusal(bucket, seconds, is_known=user_id != 0), left.headers(), seconds=seconds)
        held.own -= 1
        return left

    def _begun(self, key: str, window: int) -> _Held:
        if len(self._held) >= _KEPT_MAX:
            self._held = {kept: held for kept, held in self._held.items() if held.window == window}
            if len(self._held) >= _KEPT_MAX:  # of so many in one window, what they took stays counted in the database
                self._held = {}
        held = self._held[key] = _Held(window, others=_UNASKED)
        return held

    async def _fetch(self, held: _Held, key: str, quota: int) -> None:
        block = max(1, quota // _BLOCKS)
        until = (held.window + 1) * self._seconds * 1000
        given, others = await run(permits.take, self._database, _stored(key), until, block, quota)
        held.own, held.others = held.own + given, others


def _stored(key: str) -> str:
    """No addresses of people in the table."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def _refusal(bucket: Bucket, seconds: int, *, is_known: bool) -> str:
    hint = "" if is_known else " Requests with a token, or after signing in, are counted for their account alone."
    return f"Too many requests ({bucket}): go on in {seconds} seconds.{hint}"
