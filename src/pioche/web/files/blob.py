"""One file: what it is, what can be shown of it, and its lines with their commits."""

from functools import partial
from typing import Any
from urllib.parse import quote

from pioche.errors import EntryNotFound
from pioche.http.messages import Request, Response
from pioche.render.jobs import Links
from pioche.repos import files, scanning, trails
from pioche.web import layout
from pioche.web.files import frame, shown


async def blob(request: Request) -> Response:
    """GET /{repo}/blob/{rev}/{path}[?plain=1][?tree=1][?member=]. A folder is shown as a folder."""
    path = request.params["path"].strip("/")
    located = await files.locate(request.repo, request.params["rev"], path)
    page = await frame.frame(request, located.revision, path)
    if located.entry.is_folder:
        return frame.see_other(page.at.tree(page.rev, path))
    if not located.entry.is_file:
        raise EntryNotFound("This is a submodule: it has no bytes here", commit=located.commit)
    query = request.query
    asked = shown.Asked(query.get("plain") == "1", query.get("tree") == "1", query.get("member"))
    links = Links(page.at.base, quote(page.rev, safe=""), path, layout.site(request).address)
    drawn = partial(shown.read, request.repo, located.entry, asked, request.hub.renderer, links)
    found = await request.run(drawn)
    latest = await request.run(trails.last_commit, request.repo, located.revision, located.entry)
    imports = await request.run(scanning.imports_of, request.repo, [located.entry])
    address = page.at.resolve(located.commit, path)
    values: dict[str, Any] = {
        "entry": located.entry,
        "shown": found,
        "latest": latest,
        "imports": imports.get(path, []),
        "address": address,
        "asked": asked,
    }
    return await frame.show(request, "blob.html", page, **values)


async def blame(request: Request) -> Response:
    """GET /{repo}/blame/{rev}/{path}[?all=1]: with `all` no commit is looked behind."""
    path = request.params["path"].strip("/")
    located = await files.locate(request.repo, request.params["rev"], path)
    page = await frame.frame(request, located.revision, path)
    ignores = request.query.get("all") != "1"
    found = await request.run(trails.blame, request.repo, located.revision, path, ignores=ignores)
    return await frame.show(request, "blame.html", page, entry=located.entry, parts_=found, ignores=ignores)
