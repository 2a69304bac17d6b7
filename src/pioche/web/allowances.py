"""What the storage pages of users and organisations share: how much they hold, and their repos, the largest first."""

from typing import Any

from pioche.accounts.account import Account
from pioche.http.messages import Request
from pioche.repos import allowances

_PAGES_MAX = 10_000


def of(request: Request, account: Account) -> dict[str, Any]:
    """The values of the templates in `storage/`. For a worker thread; that the caller administers the account is known."""
    hub, number = request.hub, request.query.number("p", default=0, most=_PAGES_MAX)
    return {
        "allowance": allowances.of_account(hub.database, hub.quotas.limits, account),
        "held": allowances.holdings(hub.database, account.id, number=number),
        "number": number,
    }
