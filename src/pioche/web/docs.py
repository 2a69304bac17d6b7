"""The documentation that comes with the hub (ui.md X1): the guide, in both languages, and the API with a form to try it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from pioche.errors import NotFound
from pioche.http.messages import Request, Response, json_response
from pioche.http.routes import Needs, Route
from pioche.i18n import languages
from pioche.search.query import fold
from pioche.web import layout
from pioche.web.addon import wheel

_HOST: Final = "{{host}}"
_ADD_ON: Final = "{{add-on}}"


@dataclass(frozen=True, slots=True)
class Chapter:
    """One page of the guide, as written."""

    name: str
    title: str
    text: str


@cache
def chapters(language: str) -> tuple[Chapter, ...]:
    """In order. A language that has no guide reads the English one."""
    folder = files("pioche.web") / "guide" / (language if language in languages.NAMES else languages.DEFAULT)
    found = []
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        title, _, text = file.read_text(encoding="utf-8").partition("\n")
        found.append(Chapter(file.name.partition("-")[2].removesuffix(".md"), title.removeprefix("# "), text))
    return tuple(found)


async def contents(request: Request) -> Response:
    """GET /docs?q=: the first chapter, or those in which the words stand."""
    words = (request.query.get("q") or "").strip()[:200]
    there_are = chapters(languages.spoken())
    if not words:
        return _chapter(request, there_are[0])
    wanted = fold(words).split()
    found = [chapter for chapter in there_are if all(word in fold(chapter.title + chapter.text) for word in wanted)]
    return layout.page(request, "docs/found.html", chapters=there_are, words=words, found=found)


async def chapter(request: Request) -> Response:
    """GET /docs/{name}."""
    for found in chapters(languages.spoken()):
        if found.name == request.params["name"]:
            return _chapter(request, found)
    raise NotFound("There is no such chapter")


def _chapter(request: Request, shown: Chapter) -> Response:
    host = layout.site(request).address
    text = shown.text.replace(_ADD_ON, f"{host}/download/{wheel.NAME}").replace(_HOST, host)
    return layout.page(
        request, "docs/chapter.html", chapters=chapters(languages.spoken()), chapter=shown, content=_rendered(text)
    )


async def api(request: Request) -> Response:
    """GET /docs/api: every route, and a form to call one."""
    document = request.hub.describe(layout.site(request).address)
    groups: dict[str, dict[tuple[str, str], Any]] = {}
    for operations in document["paths"].values():
        for method, operation in operations.items():
            group = groups.setdefault(operation["tags"][0], {})
            group[operation["x-pattern"], method.upper()] = operation
    return layout.page(request, "docs/api.html", chapters=chapters(languages.spoken()), groups=groups)


async def description(request: Request) -> Response:
    """GET /.well-known/openapi.json."""
    return json_response(request.hub.describe(request.base_url))


# --- rendering ------------------------------------------------------------------------------------------------------


def _rendered(text: str) -> str:
    """Of our own texts only: what strangers write goes through `pioche.render`."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("fence", _command)
    parser.add_render_rule("table_open", lambda *_: '<div class="scroll" tabindex="0"><table>')
    parser.add_render_rule("table_close", lambda *_: "</table></div>")
    return str(parser.render(text))


def _command(_renderer: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: Any) -> str:
    """With the button that copies, as `components.html` makes it."""
    code = tokens[index].content.rstrip("\n")
    return layout.render("docs/command.html", code=code)


ROUTES = (
    Route("GET", "/docs", Needs.ANYONE, contents),
    Route("GET", "/docs/api", Needs.ANYONE, api),
    Route("GET", "/docs/{name}", Needs.ANYONE, chapter),
    Route("GET", "/.well-known/openapi.json", Needs.ANYONE, description),
)
