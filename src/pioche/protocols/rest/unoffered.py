"""What the public Hub serves and this hub does not (yet): 501 with `X-Error-Code: NotOffered`, whatever the method.

A 404 would be taken for an absent repo. When something comes to be served, its line goes;
docs/reference/compatibility.md says which of these are meant to come.
"""

from pioche.errors import NotOffered
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PATTERNS = """
/api/{repo:api}/scan
/api/{repo:api}/jwt
/api/{repo:api}/notebook/{any*}
/api/{repo:api}/sql-console/{any*}
/api/{repo:api}/leaderboard
/api/{repo:api}/storage               /api/{repo:api}/dev-mode
/api/{repo:api}/volumes               /api/{repo:api}/events
/api/{repo:api}/metrics
/api/spaces/zero-gpu/{any*}
/buckets/{any*}
/api/papers                           /api/papers/{any*}
/api/daily_papers
/api/users/{name}/{any*}              /api/organizations/{name}/{any*}
/api/settings/{any*}
/oauth/register
/api/jobs/{any*}                      /api/scheduled-jobs/{any*}
/api/inference-endpoints/{any*}
/api/resolve-cache/{any*}
/api/registry/{any*}
/api/agentic/{any*}
/api/blog/{any*}                      /api/posts/{any*}
/api/docs                             /api/docs/{any*}
"""


async def not_offered(request: Request) -> Response:
    raise NotOffered(f"This hub does not offer {request.method} on this address; see its compatibility table")


ROUTES = tuple(
    Route(method, pattern, Needs.ANYONE, not_offered) for pattern in _PATTERNS.split() for method in _METHODS
)
