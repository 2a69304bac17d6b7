"""The file pages as plain HTML over HTTP, without a browser: what they say, and what their forms do (ui.md F, G13)."""

import io
import re
import zipfile
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode

import numpy
import pytest

from pioche.accounts.tokens import TokenRole
from pioche.names import Oid
from pioche.repos import refs
from tests.asgi import Answer
from tests.databases import SqliteTemplate
from tests.local import LocalHub, User

FORM = {"content-type": "application/x-www-form-urlencoded"}
HOSTILE = [
    "<img src=x onerror=alert(1)>.txt",
    "a #?%41&b.md",
    "é à.txt",
    "עברית.txt",
    "'\";--.py",
    "{{ 7 * 7 }}.txt",
    "-x",
]


@pytest.fixture(scope="module")
def hub(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    hub = LocalHub(sqlite_template.config(tmp_path_factory.mktemp("files") / "data"))
    yield hub
    hub.hub.renderer.close()
    hub.close()


@pytest.fixture(scope="module")
def ada(hub: LocalHub) -> User:
    return hub.user("ada")


@pytest.fixture(scope="module")
def bob(hub: LocalHub) -> User:
    return hub.user("bob")


@pytest.fixture
def repo(hub: LocalHub, ada: User, request: pytest.FixtureRequest) -> str:
    name = f"ada/{request.node.name[:80].replace('[', '-').strip(']')}"
    hub.create_repo(ada, name)
    return name


def get(hub: LocalHub, path: str, user: User | None = None, status: int = 200) -> str:
    answer = hub.client.get(path, token=user.token if user else None, headers={"accept": "text/html"})
    assert answer.status == status, answer.text[:2000]
    return unescape(answer.text)


def post(hub: LocalHub, address: str, user: User, /, **fields: str | list[str]) -> Answer:
    return hub.client.post(address, token=user.token, headers=FORM, body=urlencode(fields, doseq=True).encode())


def parent(hub: LocalHub, repo: str, ada: User) -> str:
    return str(hub.client.get(f"/api/models/{repo}", token=ada.token).json()["sha"])


def content(hub: LocalHub, repo: str, path: str, revision: str = "main") -> bytes:
    answer = hub.client.get(f"/{repo}/resolve/{revision}/{path}")
    assert answer.status == 200
    return answer.body


# --- reading ----------------------------------------------------------------------------------------------------------


def test_f1_a_folder_shows_what_is_in_it(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"b.txt": b"1" * 1500, "a/x": b""}, large={"w.bin": b"\0" * 100_000})
    page = get(hub, f"/{repo}/tree/main")
    assert page.index(">a</bdi>") < page.index(">b.txt</bdi>") < page.index(">w.bin</bdi>")
    assert "1.5\N{NO-BREAK SPACE}kB" in page
    assert "LFS" in page
    assert "unscanned" in page
    assert ">safe<" not in page
    assert "Total size" in page
    assert "Contributors" in page
    assert "Add file" not in page
    assert "Add file" in get(hub, f"/{repo}/tree/main", ada)


def test_f1_a_file_and_a_folder_are_shown_as_what_they_are(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"a/x": b""})
    assert hub.client.get(f"/{repo}/tree/main/a/x").headers["location"] == f"/{repo}/blob/main/a/x"
    assert hub.client.get(f"/{repo}/blob/main/a").headers["location"] == f"/{repo}/tree/main/a"
    get(hub, f"/{repo}/tree/main/absent", status=404)
    get(hub, f"/{repo}/tree/absent", status=404)


def test_f1_another_revision_is_chosen_and_an_old_one_says_who_changed_what(
    hub: LocalHub, ada: User, repo: str
) -> None:
    first = hub.commit(ada, repo, {"a.txt": b"1"})
    hub.commit(ada, repo, {"a.txt": b"2"})
    hub.client.post(f"/api/models/{repo}/branch/feature%2Fx", token=ada.token)
    page = get(hub, f"/{repo}/tree/{first}")
    assert f"/{repo}/tree/feature%2Fx" in page
    assert f"/{repo}/commit/{first}" in page
    assert "Add file" not in get(hub, f"/{repo}/tree/{first}", ada)
    get(hub, f"/{repo}/tree/feature%2Fx")


def test_f2_a_file_is_found_by_some_of_its_letters(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"src/deep/config_loader.py": b"", "other.txt": b""})
    for asked in ("config", "cfgldr", "deep loader"):
        page = get(hub, f"/{repo}/find/main?q={asked.replace(' ', '%20')}")
        assert "config_loader.py" in page
        assert "other.txt" not in page
    assert "No file has these letters" in get(hub, f"/{repo}/find/main?q=zzzz")


def test_f3_each_kind_has_its_view(hub: LocalHub, ada: User, repo: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside/a.txt", "hello <b>")
    hub.commit(
        ada,
        repo,
        {
            "a.py": b"import os\n",
            "t.csv": b"a;b\n1;2\n",
            "t.tsv": b"a\tb\n1\t3\n",
            "t.jsonl": b'{"a": 41}\n{"a": 42}\n',
            "n.ipynb": b'{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "markdown", "source": "## Cell"}]}',
            "r.md": b"# Hi <script>alert(1)</script>",
            "x.svg": b"<svg/>",
        },
        large={
            "z.zip": packed.getvalue(),
            "blob.bin": b"\0\1\2" * 99,
            "x.npz": numpy_archive(),
            "w.safetensors": b"\x3d\0\0\0\0\0\0\0"
            b'{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}' + b"\0" * 8,
            "s.mp3": b"\0",
            "v.mp4": b"\0",
            "p.pdf": b"%PDF-1.4",
        },
    )
    hub.commit(ada, repo, {"c.json": b'{"a": [1]}'})
    assert "<details open>" in get(hub, f"/{repo}/blob/main/c.json?tree=1")
    views = {
        "a.py": 'id="L1"', "t.csv": "<bdi>2</bdi>", "t.tsv": "<bdi>3</bdi>", "t.jsonl": "42", "n.ipynb": ">Cell",
        "x.npz": "weights", "w.safetensors": "F32", "x.svg": "data:image/svg+xml;base64,", "z.zip": "inside/a.txt",
        "blob.bin": "00 01 02", "s.mp3": "<audio", "v.mp4": "<video", "p.pdf": "Without it, download the file to read it",
    }  # fmt: skip
    for path, expected in views.items():
        assert expected in get(hub, f"/{repo}/blob/main/{path}"), path
    for facts in ("10\N{NO-BREAK SPACE}B", "1 line"):
        assert facts in get(hub, f"/{repo}/blob/main/a.py")
    markdown = get(hub, f"/{repo}/blob/main/r.md")
    assert ">Hi" in markdown
    assert "<script>alert" not in markdown
    assert "# Hi" in get(hub, f"/{repo}/blob/main/r.md?plain=1")
    assert "hello <b>" in get(hub, f"/{repo}/blob/main/z.zip?member=inside/a.txt")
    get(hub, f"/{repo}/blob/main/z.zip?member=absent", status=404)


def numpy_archive() -> bytes:
    packed = io.BytesIO()
    numpy.savez(packed, weights=numpy.zeros((2, 3)))
    return packed.getvalue()


def test_f3_a_file_that_lies_is_shown_with_a_warning(hub: LocalHub, ada: User, repo: str) -> None:
    names = ["a.safetensors", "a.gguf", "a.zip", "a.npy", "a.tar", "a.parquet", "a.onnx", "a.pdf"]
    texts = {"n.ipynb": b"{", "t.jsonl": b"{", "config.json": b"[" * 200_000, "tokenizer.json": b"[]"}
    hub.commit(ada, repo, texts, large=dict.fromkeys(names, b"\xff" * 300))
    for name in [*names, *texts]:
        assert "cannot be shown as what its name says" in get(hub, f"/{repo}/blob/main/{name}"), name


def test_f3_too_large_a_text_is_for_downloading(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"long.txt": b"word " * 300_000})
    page = get(hub, f"/{repo}/blob/main/long.txt")
    assert "too large to be shown" in page
    assert len(page) < 50_000


def test_f4_a_large_file_says_how_it_is_kept(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, large={"w.bin": b"\0" * 5000})
    page = get(hub, f"/{repo}/blob/main/w.bin")
    assert "oid sha256:" in page
    assert "Stored whole" in page
    assert "5,000 bytes" in page


def test_f5_history_by_day_and_of_one_file_under_its_names(hub: LocalHub, ada: User, repo: str) -> None:
    text = b"".join(b"line %d\n" % n for n in range(30))
    hub.commit(ada, repo, {"old.txt": text})
    answer = post(hub, f"/{repo}/rename/main/old.txt", ada, to="d/new.txt", target="branch")
    assert answer.status == 303
    page = get(hub, f"/{repo}/commits/main/d/new.txt")
    assert "renamed from old.txt" in page
    assert page.count('class="commit"') == 2
    assert "3 commits" in get(hub, f"/{repo}/commits/main")
    assert "No commits here" in get(hub, f"/{repo}/commits/main?p=99")
    for number in range(50):
        hub.commit(ada, repo, {"n.txt": b"%d" % number})
    first = get(hub, f"/{repo}/commits/main")
    assert first.count('class="commit"') == 50
    [older] = re.findall(r'href="([^"]*p=1)"', first)
    second = get(hub, older if older.startswith("/") else f"/{repo}/commits/main{older}")
    assert second.count('class="commit"') == 3
    assert "initial commit" in second


def test_f6_a_commit_with_its_lines(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"a.txt": b"one\ntwo words here\n"}, large={"w.bin": b"\0" * 100})
    oid = hub.commit(ada, repo, {"a.txt": b"one\ntwo other here\n"}, large={"w.bin": b"\0" * 200})
    page = get(hub, f"/{repo}/commit/{oid}")
    assert "2 files changed" in page
    assert "two <mark>words</mark> here" in page
    assert "100 bytes" in page or "100\N{NO-BREAK SPACE}B" in page
    split = get(hub, f"/{repo}/commit/{oid}?view=split&w=1")
    assert "diff split" in split
    get(hub, f"/{repo}/commit/{oid}?file=absent", status=404)
    get(hub, f"/{repo}/commit/{'0' * 40}", status=404)


def test_f6_a_huge_change_is_collapsed(hub: LocalHub, ada: User, repo: str) -> None:
    oid = hub.commit(ada, repo, {"huge.txt": b"line\n" * 9000})
    page = get(hub, f"/{repo}/commit/{oid}")
    assert "A large change" in page
    assert page.count('class="add"') == 0
    assert get(hub, f"/{repo}/commit/{oid}?file=huge.txt").count('class="add"') == 9000


def test_f7_two_revisions_side_by_side(hub: LocalHub, ada: User, repo: str) -> None:
    hub.client.post(f"/api/models/{repo}/branch/side", token=ada.token)
    hub.commit(ada, repo, {"s.txt": b"1\n"}, revision="side")
    hub.client.post(f"/api/models/{repo}/tag/side", token=ada.token, body=b'{"tag": "v1"}')
    for both in ("main...side", "main...v1", f"v1...{parent(hub, repo, ada)}"):
        assert ("s.txt" in get(hub, f"/{repo}/compare/{both}")) == both.startswith("main")
    assert hub.client.get(f"/{repo}/compare?first=main&second=a%2Fb").headers["location"].endswith("/main...a%2Fb")
    get(hub, f"/{repo}/compare/main...absent", status=404)
    get(hub, f"/{repo}/compare/main", status=404)


def test_f8_lines_with_their_commits(hub: LocalHub, ada: User, repo: str) -> None:
    first = hub.commit(ada, repo, {"a.py": b"one\ntwo\n"})
    second = hub.commit(ada, repo, {"a.py": b"one\n2\n"})
    page = get(hub, f"/{repo}/blame/main/a.py")
    assert f"/{repo}/commit/{first}" in page
    assert f"/{repo}/commit/{second}" in page
    assert f"/{repo}/blame/{first}/a.py" in page
    get(hub, f"/{repo}/blame/main/absent", status=404)


@pytest.mark.parametrize("name", HOSTILE)
def test_f13_hostile_names_lead_where_they_should(hub: LocalHub, ada: User, name: str) -> None:
    repo = f"ada/hostile{HOSTILE.index(name)}"
    hub.create_repo(ada, repo)
    hub.commit(ada, repo, {name: b"content of it\n", f"{name}.d/{name}": b"deeper\n"})
    raw = hub.client.get(f"/{repo}/tree/main").text
    assert "<img src=x" not in raw
    links = {unescape(found) for found in re.findall(r'href="([^"]*)"', raw)}
    blobs = [link for link in links if link.startswith(f"/{repo}/blob/main/") and "gitattributes" not in link]
    assert len(blobs) == 1
    for page in ("blob", "blame", "commits", "resolve", "raw"):
        answer = hub.client.get(blobs[0].replace("/blob/", f"/{page}/"))
        assert answer.status == 200, page
        assert "<img src=x" not in answer.text or page in ("resolve", "raw")
    [folder] = [link for link in links if link.startswith(f"/{repo}/tree/main/")]
    assert unescape(hub.client.get(folder).text).count(name) > 1
    assert "<img src=x" not in hub.client.get(f"/{repo}/commit/main").text


def test_f14_a_very_large_folder_comes_in_pages(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {f"many/{number:05}.txt": b"" for number in range(1500)})
    page = get(hub, f"/{repo}/tree/main/many")
    assert page.count("<tr data-path") == 1000
    [more] = re.findall(r'href="([^"]*after=[^"]*)"', page)
    assert get(hub, more).count("<tr data-path") == 500


def test_what_is_private_or_gated_is_kept(hub: LocalHub, ada: User, bob: User) -> None:
    hub.create_repo(ada, "ada/private", private=True)
    oid = hub.commit(ada, "ada/private", {"a.txt": b"secret"})
    for page in ("tree/main", "blob/main/a.txt", "blame/main/a.txt", "commits/main", f"commit/{oid}", "branches",
                 "find/main?q=a", "compare", "compare/main...main", "edit/main/a.txt", "upload/main"):  # fmt: skip
        hidden, absent = (
            hub.client.get(f"/ada/{name}/{page}", token=bob.token, headers={"accept": "text/html"})
            for name in ("private", "absent")
        )
        assert hidden.status == absent.status == 404
        assert "secret" not in hidden.text
        assert hidden.text.replace("private", "absent").split("Request")[0] == absent.text.split("Request")[0]


# --- writing ----------------------------------------------------------------------------------------------------------


def test_f9_a_file_is_edited_and_keeps_its_line_ends(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"a.txt": b"one\r\ntwo\r\n", "b.txt": b"\nfirst line is empty\n"})
    page = get(hub, f"/{repo}/edit/main/b.txt", ada)
    assert "\n\nfirst line is empty\n</textarea>" in page
    fields = {"old_path": "a.txt", "path": "a.txt", "parent": parent(hub, repo, ada), "target": "branch"}
    answer = post(hub, f"/{repo}/edit/main/a.txt", ada, content="one\r\nTWO\r\n", action="commit", **fields)
    assert answer.status == 303
    assert answer.headers["location"].startswith(f"/{repo}/commit/")
    assert content(hub, repo, "a.txt") == b"one\r\nTWO\r\n"
    fields |= {"old_path": "b.txt", "path": "c/b.txt", "parent": parent(hub, repo, ada)}
    assert post(hub, f"/{repo}/edit/main/b.txt", ada, content="new\r\ntext\r\n", **fields).status == 303
    assert content(hub, repo, "c/b.txt") == b"new\ntext\n"
    assert hub.client.get(f"/{repo}/resolve/main/b.txt").status == 404


def test_f9_a_preview_changes_nothing(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"a.txt": b"one\ntwo\n"})
    fields = {"old_path": "a.txt", "path": "a.txt", "parent": parent(hub, repo, ada), "action": "preview"}
    answer = post(hub, f"/{repo}/edit/main/a.txt", ada, content="one\n<b>three</b>\n", **fields)
    assert answer.status == 200
    assert "What would change" in answer.text
    assert "<b>three" not in answer.text
    assert content(hub, repo, "a.txt") == b"one\ntwo\n"


def test_f9_a_conflict_keeps_the_text(hub: LocalHub, ada: User, repo: str) -> None:
    seen = hub.commit(ada, repo, {"a.txt": b"one\n", "other": b"1"})
    hub.commit(ada, repo, {"other": b"2"})
    fields = {"old_path": "a.txt", "path": "a.txt", "target": "branch"}
    answer = post(hub, f"/{repo}/edit/main/a.txt", ada, content="mine\n", parent=seen, **fields)
    assert answer.status == 303, "another file was changed: no conflict"
    answer = post(hub, f"/{repo}/edit/main/a.txt", ada, content="also mine\n", parent=seen, **fields)
    assert answer.status == 412
    assert "Somebody else changed this file" in answer.text
    assert "also mine" in answer.text
    [newer] = re.findall(r'name="parent" value="(\w+)"', answer.text)
    assert post(hub, f"/{repo}/edit/main/a.txt", ada, content="also mine\n", parent=newer, **fields).status == 303
    assert content(hub, repo, "a.txt") == b"also mine\n"


def test_f9_a_new_file_and_what_it_may_not_be(hub: LocalHub, ada: User, repo: str) -> None:
    fields = {"parent": parent(hub, repo, ada), "target": "branch", "summary": "Add it", "description": "Because."}
    assert post(hub, f"/{repo}/new/main", ada, path="d/a.txt", content="x", **fields).status == 303
    assert "Because." in get(hub, f"/{repo}/commit/main")
    for path, status in (("d/a.txt", 409), ("../x", 422), ("", 422), (".git/config", 422), ("d/a.txt/below", 422)):
        answer = post(hub, f"/{repo}/new/main", ada, path=path, content="kept text", **fields)
        assert answer.status == status, path
        assert "kept text" in answer.text
    card = post(hub, f"/{repo}/new/main", ada, path="README.md", content="---\na: [\n---\n", **fields)
    assert card.status == 400


def test_f9_whoever_may_read_may_propose_and_no_more(hub: LocalHub, ada: User, bob: User, repo: str) -> None:
    hub.commit(ada, repo, {"a.txt": b"one\n"})
    page = get(hub, f"/{repo}/edit/main/a.txt", bob)
    assert "Open as a pull request" in page
    assert "Commit to main" not in page
    fields = {"old_path": "a.txt", "path": "a.txt", "content": "bob's\n", "parent": parent(hub, repo, ada)}
    assert post(hub, f"/{repo}/edit/main/a.txt", bob, target="branch", **fields).status == 403
    assert post(hub, f"/{repo}/edit/main/a.txt", bob, target="pull", **fields).status == 303
    assert content(hub, repo, "a.txt") == b"one\n"
    assert content(hub, repo, "a.txt", "refs%2Fpr%2F1") == b"bob's\n"
    more = {**fields, "content": "more\n", "parent": "refs/pr/1", "target": "branch"}
    assert post(hub, f"/{repo}/edit/refs%2Fpr%2F1/a.txt", bob, **more).status == 303
    nobody = hub.client.get(f"/{repo}/edit/main/a.txt", headers={"accept": "text/html"})
    assert (nobody.status, nobody.headers["location"]) == (303, f"/login?next=/{repo}/edit/main/a.txt")


def test_f9_what_cannot_be_edited_says_so(hub: LocalHub, ada: User, repo: str) -> None:
    oid = hub.commit(ada, repo, {"latin.txt": "é".encode("latin-1")}, large={"w.bin": b"\0" * 100})
    get(hub, f"/{repo}/edit/main/w.bin", ada, status=413)
    get(hub, f"/{repo}/edit/main/latin.txt", ada, status=413)
    get(hub, f"/{repo}/edit/{oid}/latin.txt", ada, status=400)


def test_f10_small_files_without_scripts(hub: LocalHub, ada: User, repo: str) -> None:
    parts = {"summary": None, "folder": None, "a.txt": b"text\n", "b.bin": b"\0\1\2"}
    values = {"summary": b"Two files", "folder": b"in"}
    body = b""
    for name, data in parts.items():
        field = f'name="{name}"' if data is None else f'name="file"; filename="{name}"'
        body += (
            b"--x\r\nContent-Disposition: form-data; " + field.encode() + b"\r\n\r\n" + (data or values[name]) + b"\r\n"
        )
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = hub.client.post(f"/{repo}/upload/main", token=ada.token, headers=headers, body=body + b"--x--\r\n")
    assert answer.status == 303, answer.text
    assert content(hub, repo, "in/a.txt") == b"text\n"
    assert content(hub, repo, "in/b.bin") == b"\0\1\2"
    assert "LFS" in get(hub, f"/{repo}/tree/main/in")
    assert hub.client.post(f"/{repo}/upload/main", token=ada.token, headers=headers, body=b"--x--\r\n").status == 400


def test_f11_many_are_deleted_in_one_commit(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"a": b"1", "d/b": b"1", "d/c": b"1", "keep": b"1"})
    page = get(hub, f"/{repo}/delete/main?path=a&path=d&path=d/b", ada)
    assert "Delete 2 files and folders?" in page
    assert post(hub, f"/{repo}/delete/main", ada, path=["a", "d"], target="branch").status == 303
    page = get(hub, f"/{repo}/tree/main")
    assert ">keep</bdi>" in page
    assert ">d</bdi>" not in page
    assert "Delete 2 files" in get(hub, f"/{repo}/commits/main")
    assert post(hub, f"/{repo}/delete/main", ada, path=["a"], target="branch").status == 404
    get(hub, f"/{repo}/delete/main", ada, status=400)


def test_f11_a_folder_moves_with_all_that_is_in_it(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"d/a": b"1", "d/e/b": b"2", "x": b"3"}, large={"d/w.bin": b"\0" * 50})
    assert post(hub, f"/{repo}/rename/main/d", ada, to="new/place", target="branch").status == 303
    assert content(hub, repo, "new/place/e/b") == b"2"
    assert content(hub, repo, "new/place/w.bin") == b"\0" * 50
    assert hub.client.get(f"/{repo}/resolve/main/d/a").status == 404
    for to, status in (("x", 409), ("new/place/in", 422), ("new/place", 400), ("../up", 422)):
        answer = post(hub, f"/{repo}/rename/main/new/place", ada, to=to, target="branch")
        assert answer.status == status, to


def test_f11_many_are_moved_in_one_commit(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"a": b"1", "d/b": b"2", "d/e/c": b"3", "in/keep": b"4"}, large={"w.bin": b"\0" * 50})
    assert "Move 3 files and folders" in get(hub, f"/{repo}/move/main?path=a&path=d&path=d/b&path=w.bin", ada)
    assert post(hub, f"/{repo}/move/main", ada, path=["a", "d", "w.bin"], to="in/here", target="branch").status == 303
    assert content(hub, repo, "in/here/a") == b"1"
    assert content(hub, repo, "in/here/d/e/c") == b"3"
    assert content(hub, repo, "in/here/w.bin") == b"\0" * 50
    assert hub.client.get(f"/{repo}/resolve/main/d/b").status == 404
    assert "Move 3 files to in/here" in get(hub, f"/{repo}/commits/main")
    for paths, to, status in ((["in/keep"], "in", 400), (["in/here"], "in/here/d", 422), (["absent"], "x", 404)):
        assert post(hub, f"/{repo}/move/main", ada, path=paths, to=to, target="branch").status == status, to
    assert post(hub, f"/{repo}/move/main", ada, path=["in/keep"], to="", target="branch").status == 303
    assert content(hub, repo, "keep") == b"4"


def test_f12_branches_and_tags_are_made_and_deleted(hub: LocalHub, ada: User, repo: str) -> None:
    def change(**fields: str) -> Answer:
        return post(hub, f"/{repo}/branches", ada, **fields)

    assert change(action="create", kind="branch", name="dev", **{"from": "main"}).status == 303
    assert change(action="create", kind="tag", name="v1", message="First <b>", **{"from": "main"}).status == 303
    page = get(hub, f"/{repo}/branches", ada)
    assert "First <b>" in page
    assert f"/{repo}/tree/dev" in page
    assert change(action="create", kind="branch", name="dev", **{"from": "main"}).status == 409
    assert change(action="create", kind="branch", name="a..b", **{"from": "main"}).status == 400
    assert change(action="delete", kind="branch", name="main").status == 403
    assert change(action="delete", kind="branch", name="dev").status == 303
    assert change(action="delete", kind="tag", name="v1").status == 303
    assert change(action="sing", kind="tag", name="v1").status == 400
    assert f"/{repo}/tree/dev" not in get(hub, f"/{repo}/branches")
    caller = hub.client.run(hub.hub.callers.by_token(ada.token))
    proposed = refs.RefChange.to_commit("refs/pr/1", None, Oid(parent(hub, repo, ada)))
    refs.update(hub.repo(ada, repo), caller, refs.Update([proposed]))
    sections = re.findall(r'<section class="refs" id="(\w+)">', get(hub, f"/{repo}/branches"))
    assert sections == ["branches", "tags", "pulls"]
    assert "New branch or tag" not in get(hub, f"/{repo}/branches")


def test_tokens_that_may_only_read_change_nothing(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"a.txt": b"1"})
    token = hub.token(ada, role=TokenRole.READ)
    for page in ("edit/main/a.txt", "delete/main/a.txt", "rename/main/a.txt", "upload/main", "branches"):
        assert hub.client.post(f"/{repo}/{page}", token=token, headers=FORM, body=b"target=branch").status == 403


def test_f_csrf_forms_of_pages_carry_the_token_of_the_session(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"a.txt": b"1\n"})
    secret, _ = hub.hub.directory.sessions.start(hub.hub.directory.get(ada.name), hours=1)
    ours = {
        "cookie": f"pioche_session_8000={secret}",
        "origin": "http://localhost:8000",
        "sec-fetch-site": "same-origin",
    }
    page = hub.client.get(f"/{repo}/delete/main/a.txt", headers=ours).text
    token, *_ = re.findall(r'name="csrf" value="([^"]+)"', page)
    refused = hub.client.post(f"/{repo}/delete/main/a.txt", headers=ours | FORM, body=b"target=branch")
    assert refused.status == 403
    sent = urlencode({"csrf": token, "target": "branch"}).encode()
    assert hub.client.post(f"/{repo}/delete/main/a.txt", headers=ours | FORM, body=sent).status == 303
    files = ours | {"content-type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    file = part % (b'file"; filename="b.txt', b"text")
    assert hub.client.post(f"/{repo}/upload/main", headers=files, body=file + b"--x--\r\n").status == 403
    body = part % (b"csrf", token.encode()) + file + b"--x--\r\n"
    assert hub.client.post(f"/{repo}/upload/main", headers=files, body=body).status == 303
    assert content(hub, repo, "b.txt") == b"text"


def test_f9_a_session_that_ended_loses_no_text(hub: LocalHub, ada: User, repo: str) -> None:
    """The text is in the answer's form, which sends it to the same place; a private repo and none at all look the same."""
    hub.commit(ada, repo, {"a.txt": b"one\n"})
    hub.create_repo(ada, "ada/veiled", private=True)
    fields = {"path": "a.txt", "old_path": "a.txt", "content": "my long <text>\r\nof hours\r\n", "summary": "Mine"}
    body = urlencode(fields).encode()
    answer = hub.client.post(f"/{repo}/edit/main/a.txt", headers=FORM, body=body)
    assert answer.status == 401
    assert "my long &lt;text&gt;\nof hours\n</textarea>" in answer.text
    assert f'action="/{repo}/edit/main/a.txt"' in answer.text
    assert "You are not signed in any more" in answer.text
    hidden, absent = (
        hub.client.post(f"/ada/{name}/edit/main/a.txt", headers=FORM, body=body) for name in ("veiled", "absent")
    )
    assert hidden.status == absent.status == 401
    assert hidden.text.replace("veiled", "absent").split("Request")[0] == absent.text.split("Request")[0]
    assert "my long" in hidden.text


def test_f9_who_signed_in_anew_sends_the_text_again(hub: LocalHub, ada: User, repo: str) -> None:
    hub.commit(ada, repo, {"a.txt": b"one\n"})
    secret, _ = hub.hub.directory.sessions.start(hub.hub.directory.get(ada.name), hours=1)
    ours = {"cookie": f"pioche_session_8000={secret}", "origin": "http://localhost:8000"}
    fields = {"path": "a.txt", "old_path": "a.txt", "content": "two\n", "parent": parent(hub, repo, ada), "csrf": "old"}
    address = f"/{repo}/edit/main/a.txt"
    answer = hub.client.post(address, headers=ours | FORM, body=urlencode(fields).encode())
    assert answer.status == 403
    assert "signed in anew" in answer.text
    [token] = re.findall(r'name="csrf" value="([^"]+)"', answer.text)
    assert content(hub, repo, "a.txt") == b"one\n"
    evil = hub.client.post(address, headers={**ours, **FORM, "origin": "http://evil"}, body=urlencode(fields).encode())
    assert evil.status == 403
    assert "<textarea" not in evil.text, "what another site sent is not put into a form of ours"
    again = urlencode(fields | {"csrf": token}).encode()
    assert hub.client.post(address, headers=ours | FORM, body=again).status == 303


def test_f9_a_text_survives_a_repo_that_is_gone_and_a_branch_that_is(hub: LocalHub, ada: User, repo: str) -> None:
    for address in ("/ada/nowhere/new/main", f"/{repo}/new/gone", f"/{repo}/edit/gone/a.txt"):
        answer = post(hub, address, ada, path="a.txt", content="kept text", target="branch")
        assert answer.status == 404
        assert "kept text" in answer.text


@pytest.mark.long
def test_f14_a_hundred_thousand_files_in_a_folder(hub: LocalHub, ada: User, repo: str) -> None:
    """Every kind of page about such a folder answers, and none is larger for it."""
    for thousand in range(0, 100_000, 10_000):
        hub.commit(ada, repo, {f"many/{number:06}.txt": b"" for number in range(thousand, thousand + 10_000)})
    page = get(hub, f"/{repo}/tree/main/many", ada)
    assert page.count("<tr data-path") == 1000
    assert len(page) < 2_000_000
    assert "many/099999.txt" in get(hub, f"/{repo}/find/main?q=099999")
    for path in ("tree/main", "blob/main/many/050000.txt", "commits/main/many/000001.txt", "commit/main"):
        assert len(get(hub, f"/{repo}/{path}", ada)) < 3_000_000, path
    fields = {"path": ["many/000001.txt", "many/099999.txt"], "target": "branch"}
    assert post(hub, f"/{repo}/delete/main", ada, **fields).status == 303
    get(hub, f"/{repo}/blob/main/many/099999.txt", status=404)
