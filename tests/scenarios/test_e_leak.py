"""E-LEAK: what a stranger may not open leaves no trace in listings, counts, pages, validators, or refusals of names."""

from collections.abc import Callable
from typing import Any

import pytest

from pioche.accounts.callers import Caller
from pioche.names import LISTED, RepoType
from pioche.repos.catalog import Settings
from tests.asgi import Answer
from tests.inside import Inside

LISTINGS = [
    "/api/models", "/api/models?author=ada", "/api/models?author=lab", "/api/models?search=secret", "/api/models?search=ada",
    "/api/models?filter=license:mit", "/api/models?sort=createdAt", "/api/models?sort=lastModified&direction=1",
    "/api/models?limit=1", "/api/models?limit=2", "/api/models?full=true", "/api/models?expand=siblings", "/api/models?gated=true",
    "/api/models?cardData=true&limit=1000", "/api/datasets", "/api/spaces", "/api/users/ada/overview",
    "/api/organizations/lab/overview", "/api/buckets/ada", "/api/buckets/lab?search=secret",
    "/api/models?p=1&limit=2", "/api/models?sort=downloads", "/api/models?text=secret", "/api/models?library=secret",
    "/api/datasets?language=secret", "/api/spaces?linked=true", "/api/spaces?filter=static", "/api/models-tags-by-type",
    "/api/datasets-tags-by-type", "/api/spaces-tags-by-type", "/api/trending", "/api/trending?type=space",
    "/api/quicksearch?q=secret", "/api/quicksearch?q=ada", "/api/quicksearch?q=sceret", "/api/quicksearch?q=pubilc",
]  # fmt: skip
CARD = {"README.md": b"---\nlicense: mit\ntags: [secret]\n---\n"}


@pytest.fixture
def people(inside: Inside) -> dict[str, Caller]:
    people = {name: inside.user(name) for name in ("ada", "bob", "eve")}
    inside.org("lab", {people["ada"]: "admin", people["bob"]: "no_access"})
    for number in range(3):
        repo = inside.repo(people["ada"], f"ada/public{number}")
        inside.commit(repo, people["ada"], CARD)
    return people


def seen(inside: Inside, tokens: list[str | None], addresses: list[str]) -> list[tuple[Any, ...]]:
    """All that answers say, but for what every request has of its own."""
    found = list[tuple[Any, ...]]()
    for token in tokens:
        for address in addresses:
            answer = inside.client.get(address, token=token)
            found.append((address, token is None, answer.status, _headers(answer), answer.body))
    return found


def _headers(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.pairs if name not in ("x-request-id", "date")}


def strangers(inside: Inside, people: dict[str, Caller]) -> list[str | None]:
    return [None, inside.token(people["eve"]), inside.token(people["bob"])]


def test_e_leak_private_repos_change_no_listing_no_page_no_count(inside: Inside, people: dict[str, Caller]) -> None:
    tokens, ada = strangers(inside, people), people["ada"]
    before = seen(inside, tokens, LISTINGS)
    for kind in RepoType:
        for name in ("ada/secret1", "lab/secret2", "ada/secret3"):
            repo = inside.repo(ada, name, private=True, type=kind)
            if kind in LISTED:
                inside.commit(repo, ada, CARD)
            if name == "ada/secret3":
                inside.hub.catalog.change(ada, repo, Settings(gated="auto"))
    assert seen(inside, tokens, LISTINGS) == before
    assert len(inside.client.get("/api/models", token=inside.token(ada)).json()) == 6


def test_e_leak_pages_end_where_the_visible_repos_end(inside: Inside, people: dict[str, Caller]) -> None:
    for number in range(10):
        inside.repo(people["ada"], f"ada/hidden{number}", private=True)
    for token in strangers(inside, people):
        address, names = "/api/models?limit=2&sort=createdAt", list[str]()
        for _ in range(9):
            answer = inside.client.get(address, token=token)
            names += [row["id"] for row in answer.json()]
            link = answer.headers.get("link")
            if link is None:
                break
            address = link[1 : link.index(">")].removeprefix("http://localhost:8000")
        assert sorted(names) == ["ada/public0", "ada/public1", "ada/public2"]


def test_e_leak_a_repo_that_became_private_is_gone_at_once(inside: Inside, people: dict[str, Caller]) -> None:
    """E-STATE too: the next request knows."""
    tokens, ada = strangers(inside, people), people["ada"]
    before = seen(inside, tokens, LISTINGS)
    repo = inside.repo(ada, "ada/public9")
    inside.commit(repo, ada, CARD)
    assert seen(inside, tokens, LISTINGS) != before
    body = {"visibility": "private"}
    answer = inside.client.put("/api/models/ada/public9/settings", token=inside.token(ada), json=body)
    assert answer.status == 200
    assert seen(inside, tokens, LISTINGS) == before


def same(private: Answer, absent: Answer) -> bool:
    def told(answer: Answer, name: str) -> tuple[Any, ...]:
        headers = {key: value.replace(name, "NAME") for key, value in _headers(answer).items()}
        text = answer.text.replace(answer.headers["x-request-id"], "ID")  # pages show it
        return answer.status, headers, text.replace(name, "NAME")

    return told(private, "secret") == told(absent, "absent")


def test_e_leak_refusals_of_names_do_not_tell_what_is_taken(inside: Inside, people: dict[str, Caller]) -> None:
    ada = people["ada"]
    inside.commit(inside.repo(ada, "ada/secret", private=True), ada, {"a.txt": b"1"})
    moved = inside.repo(ada, "ada/moved1", private=True)
    inside.hub.catalog.move(ada, moved, "ada", "moved2")
    inside.hub.catalog.alias("secret", inside.open(ada, "ada/secret").repo_id)
    eve = inside.token(people["eve"])
    inside.repo(people["eve"], "eve/mine")

    requests: list[Callable[[str], Answer]] = [
        lambda name: inside.client.post("/api/repos/create", token=eve, json={"name": name, "organization": "ada"}),
        lambda name: inside.client.post("/api/repos/create", token=eve, json={"name": f"ada/{name}"}),
        lambda name: inside.client.post(
            "/api/repos/move", token=eve, json={"fromRepo": "eve/mine", "toRepo": f"ada/{name}", "type": "model"}
        ),
        lambda name: inside.client.post(
            "/api/repos/move", token=eve, json={"fromRepo": f"ada/{name}", "toRepo": "eve/stolen", "type": "model"}
        ),
        lambda name: inside.client.request("DELETE", "/api/repos/delete", token=eve, json={"name": f"ada/{name}"}),
        *(
            lambda name, place=place, token=token: inside.client.get(place.replace("NAME", name), token=token)
            for token in (eve, None)
            for place in (
                "/api/models/ada/NAME", "/api/models/ADA/NAME", "/api/models/NAME", "/ada/NAME/resolve/main/a.txt",
                "/ada/NAME/raw/main/a.txt", "/NAME/resolve/main/a.txt", "/ada/NAME.git/info/refs?service=git-upload-pack",
                "/api/models/ada/NAME/auth-check", "/api/models/ada/NAME/refs", "/api/models/ada/NAME/revision/x",
                "/api/models/ada/NAME/xet-read-token/main", "/ada/NAME", "/ada/NAME/tree/main",
            )
        ),
    ]  # fmt: skip
    for number, request in enumerate(requests):
        assert same(request("secret"), request("absent")), number
    for token in (eve, None):
        old, absent = (inside.client.get(f"/api/models/ada/{name}", token=token) for name in ("moved1", "moved9"))
        assert (old.status, old.body) == (absent.status, absent.body)
        assert "location" not in old.headers


def test_e_leak_metrics_and_health_name_nobody(inside: Inside, people: dict[str, Caller]) -> None:
    inside.repo(people["ada"], "ada/nobody7731", private=True)
    inside.client.get("/api/models/ada/nobody7731", token=inside.token(people["ada"]))
    for place in ("/metrics", "/healthz", "/readyz", "/"):
        assert b"nobody7731" not in inside.client.get(place).body
