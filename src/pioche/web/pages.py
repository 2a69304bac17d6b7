"""The front page and the files that pages need."""

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from pioche.accounts.callers import Caller
from pioche.errors import NotFound
from pioche.http.messages import Headers, Request, Response
from pioche.names import RepoType
from pioche.repos import info
from pioche.search.query import Query, Sort
from pioche.web import texts

_templates = Environment(
    loader=PackageLoader("pioche.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_HTML: Headers = [
    ("Content-Type", "text/html; charset=utf-8"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("Vary", "Accept-Language, Origin"),
]
_STATIC = files("pioche.web") / "static"
_TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml"}


async def home(request: Request) -> Response:
    """GET /: what this is, and three commands for this host."""
    language = texts.choose(request.query.get("lang"), request.headers.get("accept-language", ""))
    example = await request.run(_example, request)
    page = _templates.get_template("home.html").render(
        language=language,
        other_language="fr" if language == "en" else "en",
        t=texts.HOME[language],
        address=request.base_url,
        insecure=request.base_url.startswith("http://"),
        example=example,
        namespace=request.caller.name or "me",
    )
    return Response(200, list(_HTML), page.encode())


def _example(request: Request) -> str:
    """A public model of this hub, the first that was published; a stand-in on an empty hub."""
    query = Query(type=RepoType.MODEL, sort=Sort.CREATED, ascending=True, limit=1)
    found = request.hub.search.find(Caller.nobody(), query)
    repos = info.of_ids(request.hub.database, Caller.nobody(), found.ids)
    return str(repos[0].repo_id) if repos else "me/my-model"


async def static(request: Request) -> Response:
    """GET /static/{name}: one flat folder of our own files."""
    name = request.params["name"]
    file = _STATIC / name
    kind = _TYPES.get(name.rpartition(".")[2])
    if kind is None or "/" in name or not file.is_file():
        raise NotFound("There is no such file")
    return Response(200, [("Content-Type", kind), ("Cache-Control", "public, max-age=3600")], file.read_bytes())
