"""E-GATED: of a gated repo everybody sees the metadata, and no door gives a byte of its files to who was not let in.

The doors are the routes of the tables, all of them: a route that comes tomorrow is walked tomorrow. Each file has a word that
is nowhere else, so that a page or an answer that shows any of it gives itself away.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from pioche.accounts.callers import Caller
from pioche.app import PROTOCOLS
from pioche.http.routes import Needs, Route
from pioche.names import RepoType
from pioche.repos.access import Action
from pioche.repos.catalog import Settings
from pioche.repos.gating import requests
from pioche.repos.gating.requests import Status, Who
from tests.asgi import Answer
from tests.inside import Inside, ndjson
from tests.xet_client import make
from tests.xet_world import Cas

WORD = "quetzalcoatl"
"""In every file but the card."""
FILES = {
    "secret.txt": f"one {WORD}\n",
    "folder/data.csv": f"name,{WORD}\nx,{WORD}\n",
    "notes.ipynb": json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": f"# {WORD}"}]}),
    "config.json": json.dumps({"model_type": "bert", "secret": WORD}),
    "main.py": f"print('{WORD}')\n",
}  # fmt: skip
LARGE = f"{WORD} ".encode() * 1000
KINDS = (RepoType.MODEL, RepoType.DATASET)
OUTSIDERS = ("anonymous", "other", "pending", "rejected")
SHOWS = {
    "/{repo:web}/resolve/{rev}/{path*}", "/{repo:web}/raw/{rev}/{path*}", "/{repo:web}/blob/{rev}/{path*}",
    "/{repo:web}/blame/{rev}/{path*}", "/{repo:web}/commit/{rev}", "/{repo:web}/compare/{range*}",
    "/api/{repo:api}/compare/{range*}", "/api/{repo:api}/discussions/{number}",
}  # fmt: skip
"""Where who was let in reads the word: this is what shows that the walk asks for the right things."""


@dataclass
class Gated:
    """`ada/gated` of each kind, with a pull request and two commits, and everybody's token."""

    inside: Inside
    tokens: dict[str, str | None]
    commits: dict[RepoType, str]

    def get(self, who: str, path: str) -> Answer:
        return self.inside.client.get(path, token=self.tokens[who])


@pytest.fixture
def gated(inside: Inside) -> Gated:
    people = {name: inside.user(name) for name in ("ada", "other", "pending", "accepted", "rejected")}
    tokens: dict[str, str | None] = {name: inside.token(caller) for name, caller in people.items()}
    commits = dict[RepoType, str]()
    for kind in KINDS:
        ada = people["ada"]
        repo = inside.repo(ada, "ada/gated", type=kind)
        inside.commit(repo, ada, {"README.md": b"---\nlicense: mit\n---\n# Shown\n"})
        large = inside.upload(repo, ada, LARGE)
        made = inside.commit(repo, ada, {**{path: text.encode() for path, text in FILES.items()}, "large.bin": large})
        commits[kind] = made.oid
        proposed = inside.client.post(
            f"/api/{kind.plural}/ada/gated/commit/main?create_pr=1",
            token=tokens["ada"],
            body=ndjson({"summary": "propose"}, ("file", {"path": "secret.txt", "content": f"two {WORD}\n"})),
        )
        assert proposed.status == 200, proposed.text
        inside.hub.catalog.change(ada, repo, Settings(gated="manual"))
        for status in (Status.PENDING, Status.ACCEPTED, Status.REJECTED):
            requests.ask(repo, people[status.value], {})
            if status is not Status.PENDING:
                requests.handle(repo, ada, Who(status.value), status)
    return Gated(inside, tokens | {"anonymous": None}, commits)


def doors(kind: RepoType, commit: str) -> Iterator[tuple[Route, str]]:
    """Every GET route about a repo, with each file and revision that it may name."""
    web = f"{kind.prefix}ada/gated"
    forms = {
        "{repo:api}": f"{kind.plural}/ada/gated", "{repo:web}": web, "{repo:page}": web, "{repo:git}": f"{web}.git",
        "{number}": "1", "{range*}": f"{commit}..refs%2Fpr%2F1", "{any*}": "x", "{sha}": "0" * 64, "{status}": "pending",
        "{user}": "ada", "{name}": "ada", "{id}": "1", "{uid}": "0" * 24, "{ref}": "main", "{version}": "main", "{kind}": "run",
    }  # fmt: skip
    paths = [*FILES, "large.bin", "folder", "absent.txt"]
    for route in (route for protocol in PROTOCOLS for route in protocol.routes):
        if not isinstance(route.needs, Action) or "{repo:bucket}" in route.pattern or route.method != "GET":
            continue
        pattern = route.pattern
        for form, text in forms.items():
            pattern = pattern.replace(form, text)
        for revision in ("main", commit, "refs%2Fpr%2F1"):
            for path in paths if "{path*}" in pattern else [""]:
                found = pattern.replace("{path*}", path)
                for name in ("{rev}", "{revision}"):
                    found = found.replace(name, revision)
                assert "{" not in found, f"say how to fill {found}"
                query = "?service=git-upload-pack" if "info/refs" in found else "?diff=1&recursive=true"
                if found.endswith("/events"):
                    query = "?version=refused"  # otherwise it goes on for minutes, and tells numbers
                yield route, found + query
            if "{rev}" not in route.pattern and "{revision}" not in route.pattern:
                break


def shows(answer: Answer) -> bool:
    encoded = base64.b64encode(f"one {WORD}\n".encode())
    return WORD.encode() in answer.body or encoded in answer.body


def test_e_gated_no_door_gives_bytes_to_who_was_not_let_in(gated: Gated) -> None:
    cells, wrong, seen = Counter[str](), list[str](), set[str]()
    for kind in KINDS:
        for route, path in doors(kind, gated.commits[kind]):
            for who in OUTSIDERS:
                answer = gated.get(who, path)
                cells[f"{who} {answer.status}"] += 1
                code = answer.headers.get("x-error-code", "")
                if shows(answer):
                    wrong.append(f"{path} shows the file to {who}")
                expected = 401 if who == "anonymous" else 403
                if route.needs is Action.CONTENT and (answer.status, code) != (expected, "GatedRepo"):
                    wrong.append(f"{path} by {who}: {answer.status} {code}")
            answer = gated.get("accepted", path)
            cells[f"accepted {answer.status}"] += 1
            if route.needs is Action.CONTENT and answer.status in (401, 403):
                wrong.append(f"{path} is closed to who was accepted: {answer.status}")
            if shows(answer):
                seen.add(route.pattern)
    print(f"\n{sum(cells.values())} cells checked: {dict(sorted(cells.items()))}")
    assert wrong == []
    assert seen >= SHOWS, "the walk did not ask for what is guarded"


def test_e_gated_metadata_is_for_everybody(gated: Gated) -> None:
    for who in (*OUTSIDERS, "accepted"):
        for path in (
            "/api/models/ada/gated", "/api/models/ada/gated/tree/main", "/api/models/ada/gated/commits/main",
            "/api/models/ada/gated/refs", "/ada/gated", "/ada/gated/tree/main", "/ada/gated/commits/main",
        ):  # fmt: skip
            assert gated.get(who, path).status == 200, (who, path)
        assert gated.get(who, "/api/models/ada/gated").json()["gated"] == "manual"
        assert gated.get(who, "/api/models/ada/gated/auth-check").status == (
            200 if who == "accepted" else 401 if who == "anonymous" else 403
        )


def test_e_gated_nothing_around_the_repo_tells_either(gated: Gated) -> None:
    """Routes that are about no repo: searches, lists, feeds, pages that compare."""
    around = [route for protocol in PROTOCOLS for route in protocol.routes if route.needs in (Needs.ANYONE, Needs.USER)]
    plain = [route.pattern for route in around if route.method == "GET" and "{" not in route.pattern]
    for path in plain:
        for query in ("?models=ada/gated&ids=ada/gated&full=true&q=gated", f"?q={WORD}&search={WORD}&text={WORD}"):
            for who in ("anonymous", "pending"):
                body = gated.get(who, path + query).body
                # What was asked for is shown as the question; the file says more.
                assert (f"one {WORD}" if WORD in query else WORD).encode() not in body, (path, query)


def test_e_gated_git_lfs_xet_and_copies(gated: Gated) -> None:
    inside, sha = gated.inside, gated.inside.upload
    repo = inside.open(_caller(gated, "ada"), "ada/gated")
    oid = sha(repo, _caller(gated, "ada"), LARGE)
    lfs = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"}
    download = {"operation": "download", "objects": [{"oid": oid, "size": len(LARGE)}]}
    want = f"0032want {gated.commits[RepoType.MODEL]}\n00000009done\n".encode()
    copied = ("lfsFile", {"path": "mine.bin", "algo": "sha256", "oid": oid, "size": len(LARGE)})
    proposed = ndjson({"summary": "x"}, ("file", {"path": "a", "content": "x"}))
    for who in (*OUTSIDERS, "accepted"):
        token = gated.tokens[who]
        if token is not None:
            inside.repo(_caller(gated, who), f"{who}/own")
        calls = [
            inside.client.post("/ada/gated.git/info/lfs/objects/batch", token=token, json=download, headers=lfs),
            inside.client.post(
                "/ada/gated.git/git-upload-pack", token=token, body=want,
                headers={"content-type": "application/x-git-upload-pack-request"},
            ),
            inside.client.post("/api/models/ada/gated/duplicate", token=token, json={"repository": f"{who}/copy"}),
            inside.client.get("/api/models/ada/gated/xet-read-token/main", token=token),
            inside.client.post("/api/models/ada/gated/commit/main?create_pr=1", token=token, body=proposed),
        ]  # fmt: skip
        if who == "accepted":
            assert [call.status for call in calls] == [200] * 5, [call.text for call in calls]
        else:
            assert {call.status for call in calls} == {401 if who == "anonymous" else 403}, who
        if token is not None:
            taken = inside.client.post(
                f"/api/models/{who}/own/commit/main", token=token, body=ndjson({"summary": "x"}, copied)
            )
            assert taken.status >= 400, "knowing the hash gives nothing, to nobody"


def test_e_state_a_rejection_ends_what_was_signed_for_it(gated: Gated) -> None:
    """Tokens of Xet and addresses of LFS name who asked, and ask again; what a Xet address covers ends with its 15 minutes."""
    inside, ada = gated.inside, _caller(gated, "ada")
    data = make("gated", 200_000)
    writing = inside.client.get("/api/models/ada/gated/xet-write-token/main", token=gated.tokens["ada"]).json()
    file = Cas(inside.client, urlsplit(writing["casUrl"]).path, writing["accessToken"]).send(data)
    reading = gated.get("accepted", "/api/models/ada/gated/xet-read-token/main").json()
    cas = Cas(inside.client, urlsplit(reading["casUrl"]).path, reading["accessToken"])
    assert cas.plan(file).status == 200
    repo = inside.open(ada, "ada/gated")
    oid = inside.upload(repo, ada, LARGE)
    lfs = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"}
    batch = {"operation": "download", "objects": [{"oid": oid, "size": len(LARGE)}]}
    answer = inside.client.post(
        "/ada/gated.git/info/lfs/objects/batch", token=gated.tokens["accepted"], json=batch, headers=lfs
    )
    parts = urlsplit(answer.json()["objects"][0]["actions"]["download"]["href"])
    signed = f"{parts.path}?{parts.query}"
    assert inside.client.get(signed).status == 200
    requests.handle(repo, ada, Who("accepted"), Status.REJECTED)
    assert cas.plan(file).status == 403
    assert inside.client.get(signed).status == 403
    for path in ("/ada/gated/resolve/main/large.bin", "/api/models/ada/gated/xet-read-token/main"):
        assert gated.get("accepted", path).status == 403
    requests.handle(repo, ada, Who("accepted"), Status.ACCEPTED)
    assert inside.client.get(signed).status == cas.plan(file).status == 200


def test_c7_a_rejection_between_two_ranges(gated: Gated) -> None:
    inside = gated.inside
    repo = inside.open(_caller(gated, "ada"), "ada/gated")
    path, token = "/ada/gated/resolve/main/large.bin", gated.tokens["accepted"]
    first = inside.client.get(path, token=token, headers={"range": "bytes=0-99"})
    assert (first.status, first.body) == (206, LARGE[:100])
    requests.handle(repo, _caller(gated, "ada"), Who("accepted"), Status.REJECTED)
    assert inside.client.get(path, token=token, headers={"range": "bytes=100-199"}).status == 403


def _caller(gated: Gated, name: str) -> Caller:
    account = gated.inside.accounts[name]
    return Caller(account.id, account.name, may_write=True, is_admin=False)
