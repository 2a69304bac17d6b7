"""The app on somebody's telephone, for tests: makes the codes of a secret, each of which counts once."""

import re
import time

import pyotp

from pioche.accounts.account import Account
from pioche.accounts.second_factors import STEP_SECONDS, SecondFactors, new_secret


class App:
    """`code` is another one each time: the hub is told that time has gone on, where `factors` are at hand."""

    def __init__(self, secret: str, factors: SecondFactors | None = None) -> None:
        self._codes = pyotp.TOTP(secret)
        self._now = time.time()
        self._factors = factors

    @classmethod
    def shown(cls, page: str, factors: SecondFactors | None = None) -> "App":
        """Of the page that turns a second factor on."""
        found = re.search(r"otpauth://totp/[^\"]*?secret=([A-Z2-7]+)", page)
        assert found is not None, "the page has no secret"
        return cls(found[1], factors)

    def code(self) -> str:
        self._now += STEP_SECONDS
        if self._factors is not None:
            self._factors.clock = lambda: self._now
        return self._codes.at(int(self._now))

    def now(self) -> str:
        """The first one: of this moment."""
        return self._codes.at(int(self._now))

    def wrong(self) -> str:
        """Six digits that are not right now, or near now."""
        near = {self._codes.at(int(self._now) + STEP_SECONDS * apart) for apart in range(-3, 4)}
        return next(
            code
            for code in ("000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777")
            if code not in near
        )


def turn_on(factors: SecondFactors, user: Account) -> tuple[App, list[str]]:
    """Somebody's second factor, and their recovery codes."""
    secret = new_secret()
    app = App(secret, factors)
    return app, factors.turn_on(user, secret, app.code())
