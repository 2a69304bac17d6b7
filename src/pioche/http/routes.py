"""One literal table a protocol: method, pattern, what it needs, handler.

The tables feed the router, the matrix of rights and the compatibility table, so no route escapes any of them.
Patterns: `{name}` is one segment, `{name*}` the rest (at least one segment). `{repo}` stands for a repo's id and comes in
four forms, since the Hub writes it in three ways:

    {repo:api}   models/ns/name   datasets/ns/name   spaces/ns/name        and un-namespaced legacy ids: models/gpt2
    {repo:web}   ns/name          datasets/ns/name   spaces/ns/name        and gpt2
    {repo:git}   as web, the name with or without `.git`
    {repo:page}  as web, but not `gpt2` alone: that is the page of a person or an organisation

A bucket is written in one way: `{repo:bucket}` is `buckets/ns/name`, on `/api` and elsewhere.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from pioche.errors import HubError
from pioche.http.limits import Bucket
from pioche.repos.access import Action

if TYPE_CHECKING:
    from pioche.http.messages import Request, Response

ANY_SCOPE: Final = ""
"""Of a route that tells callers of themselves."""

Handler = Callable[["Request"], Awaitable["Response"]]
Rescue = Callable[["Request", HubError], Awaitable["Response"]]
ErrorRenderer = Callable[["Request", HubError], "Response"]


class Needs(Enum):
    """What a route asks of the caller when it is not about one repo (then it is an `Action`)."""

    ANYONE = "anyone"
    """Also nobody; a wrong token is still refused."""
    SIGNATURE = "signature"
    """The address or token proves itself; the handler verifies it. The hub's own tokens are not read."""
    USER = "user"
    """Any valid token or session."""
    USER_WRITE = "user_write"
    """A valid token of role `write`, or a session."""
    ADMIN = "admin"
    """An administrator of this instance, with a token of role `write` or a session."""
    ADMIN_PAGE = "admin_page"
    """As ADMIN; to everybody else there is nothing at the address (ui.md Z8)."""
    SESSION = "session"
    """Somebody in front of a browser, who signed in: no token, whatever its role."""
    CREDENTIALS = "credentials"
    """The body proves who somebody is, as the form to sign in does. Tokens and cookies are not read; another site's page
    may not send it."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route without `needs` cannot be written: the argument has no default."""

    method: str
    pattern: str
    needs: Needs | Action
    handler: Handler
    body_bytes_max: int | None = None
    """None: the setting json_bytes_max. Streams set their own limit and enforce it themselves: -1."""
    rescue: Rescue | None = None
    """Says no in place of the protocol where that would lose what somebody wrote: it gives back what the body has, with the
    error's status. It is told nothing of the repo, and nothing was decided of whoever asks."""
    is_free: bool = False
    """Not counted where rates are limited: what a page is made of."""
    scope: str | None = None
    """What a fine-grained token must have been given, somewhere, to call a route that is not about one repo and not for
    anyone; where it was given is asked by whoever makes the change. None: no fine-grained token may. `ANY_SCOPE`: each may.
    Of a repo the `Action` says it (`repos.access`)."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """A table with the dialect in which it says no."""

    name: str
    routes: Sequence[Route]
    render_error: ErrorRenderer
    bucket: Bucket | None = None
    """What its requests count as where rates are limited; None: they are not counted."""
