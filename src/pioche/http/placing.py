"""Where a caller is: organisations may show what is private to requests from their own networks only (accounts/policies.py)."""

from pioche.accounts.callers import Caller
from pioche.http.messages import Request


def at_address(request: Request, caller: Caller) -> Caller:
    """The caller, at the address that the request came from."""
    if not caller.barred:
        return caller
    return caller.seen_from(request.hub.addresses.client(request.scope, request.headers))
