"""Pages of package indexes, as builds get to see them."""

from pathlib import Path

import msgspec
import pytest

from pioche.errors import NotFound, Unreachable
from pioche.spaces.builds import index
from pioche.spaces.builds.index import Index, Source

_HTML = b"""<!DOCTYPE html><html><head><base href="https://files.example/x/"></head><body>
<a href="../leaf-1.0-py3-none-any.whl#sha256=ab12" data-requires-python="&gt;=3.8" data-core-metadata="sha256=cd34">leaf</a>
<a href="leaf-2.0.tar.gz" data-yanked="broken">leaf</a><a name="x">no link</a></body></html>"""
_JSON = msgspec.json.encode(
    {"files": [{"filename": "leaf-1.0-py3-none-any.whl", "url": "/f/leaf-1.0-py3-none-any.whl", "hashes": {"sha256": "ab12"},
                "requires-python": ">=3.8", "dist-info-metadata": {"sha256": "cd34"}, "other": 1}]}
)  # fmt: skip


def test_a_page_of_html_is_read() -> None:
    first, second = index._parsed(_HTML, "text/html", "https://index.example/simple/leaf/")
    assert (first.origin, first.sha256) == ("https://files.example/leaf-1.0-py3-none-any.whl", "ab12")
    assert first.shown == {"requires-python": ">=3.8", "core-metadata": {"sha256": "cd34"}}
    assert (second.filename, second.shown) == ("leaf-2.0.tar.gz", {"yanked": "broken"})


def test_a_page_of_json_is_read() -> None:
    (found,) = index._parsed(_JSON, "application/vnd.pypi.simple.v1+json", "https://index.example/simple/leaf/")
    assert found.origin == "https://index.example/f/leaf-1.0-py3-none-any.whl"
    assert (found.sha256, found.metadata_sha256) == ("ab12", "cd34")
    assert "other" not in found.shown


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"files": [{}]}', b'{"files": 1}'])
def test_what_is_no_page_is_told(body: bytes) -> None:
    with pytest.raises(Unreachable, match="no page of an index"):
        index._parsed(body, "application/json", "https://index.example/")


def test_credentials_are_in_no_address() -> None:
    found = Source.of("https://user:p%40ss@index.example/simple")
    assert (found.url, found.authorization) == ("https://index.example/simple/", "Basic dXNlcjpwQHNz")
    assert "dXNl" not in repr(found)


def _index(folder: Path) -> Index:
    links = folder / "links"
    links.mkdir()
    (links / "leaf-1.0-py3-none-any.whl").write_bytes(b"wheel")
    (links / "Leaf_er-1.0.tar.gz").write_bytes(b"source")
    (links / "leaf.txt").write_bytes(b"")
    page = folder / "simple" / "leaf"
    page.mkdir(parents=True)
    (page / "leaf-2.0-py3-none-any.whl").write_bytes(b"two")
    (page / "index.html").write_text('<a href="leaf-2.0-py3-none-any.whl">leaf</a><a href="../../secret.zip">x</a>')
    sources = [Source.of(str(folder / "simple")), Source.of(str(links), links=True)]
    return Index(lambda: sources, folder / "cache")


def test_several_places_are_one(tmp_path: Path) -> None:
    found = _index(tmp_path)
    assert [entry.filename for entry in found.entries("leaf")][:1] == ["leaf-2.0-py3-none-any.whl"]
    assert [entry.filename for entry in found.entries("leaf-er")] == ["Leaf_er-1.0.tar.gz"]
    page = msgspec.json.decode(found.page("leaf"))
    assert page["files"][0]["url"] == "../../files/leaf/leaf-2.0-py3-none-any.whl"
    assert len(page["files"][0]["hashes"]["sha256"]) == 64
    assert str(tmp_path) not in found.page("leaf").decode()


@pytest.mark.parametrize("project", ["absent", "..", "a/b", "", "A", "x" * 300])
def test_what_it_does_not_know_is_not_there(tmp_path: Path, project: str) -> None:
    found = _index(tmp_path)
    found.sources = (found.sources[0],)
    with pytest.raises(NotFound):
        found.page(project)


def test_only_files_of_a_page_are_opened(tmp_path: Path) -> None:
    found = _index(tmp_path)
    with found.open("leaf", "leaf-1.0-py3-none-any.whl") as (size, pieces):
        assert (size, b"".join(pieces)) == (5, b"wheel")
    for name, metadata in (("../cache", False), ("leaf.txt", False), ("leaf-1.0-py3-none-any.whl", True)):
        with pytest.raises(NotFound), found.open("leaf", name, metadata=metadata):
            pass
