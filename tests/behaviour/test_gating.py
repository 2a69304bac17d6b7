"""Who asks for the files of a gated repo, and what the owners answer, over both databases and the API."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest

from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.errors import GatedRepo
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import Settings
from pioche.repos.gating import requests
from pioche.repos.gating.requests import Status, Who
from tests.asgi import Answer
from tests.inside import Inside

API = "/api/models/lab/words/user-access-request"
FILE = "/lab/words/resolve/main/a.txt"
CARD = b"---\nextra_gated_prompt: Be kind.\nextra_gated_fields:\n  Company: text\n  Country: country\n---\n"
ANSWERS = {"Company": "=1+1", "Country": "FR"}


@pytest.fixture
def inside(config: Config) -> Iterator[Inside]:
    with Inside(config) as inside:
        yield inside
        assert inside.log.getvalue() == "", "something went wrong on the server's side"


@pytest.fixture
def people(inside: Inside) -> dict[str, Caller]:
    """Ada administers `lab`, wim writes, rita reads, cora contributes; eve and bob are strangers."""
    people = {name: inside.user(name) for name in ("ada", "wim", "rita", "cora", "eve", "bob")}
    roles = {"ada": "admin", "wim": "write", "rita": "read", "cora": "contributor"}
    inside.org("lab", {people[name]: role for name, role in roles.items()})
    eve = inside.accounts["eve"]
    inside.hub.directory.change_profile(eve, fullname="Eve Moore", email="eve@example.org", bio="", homepage="")
    return people


@pytest.fixture
def repo(inside: Inside, people: dict[str, Caller]) -> Repo:
    repo = inside.repo(people["cora"], "lab/words")
    inside.commit(repo, people["ada"], {"a.txt": b"1", "README.md": CARD})
    gate(inside, people, repo, "manual")
    return repo


@pytest.fixture
def tokens(inside: Inside, people: dict[str, Caller]) -> dict[str, str]:
    return {name: inside.token(caller) for name, caller in people.items()}


def gate(inside: Inside, people: dict[str, Caller], repo: Repo, mode: str) -> None:
    inside.hub.catalog.change(people["ada"], repo, Settings(gated=mode))


def ask(inside: Inside, token: str | None, answers: Mapping[str, Any] = ANSWERS) -> Answer:
    return inside.client.post("/lab/words/ask-access", token=token, json=answers)


def listed(inside: Inside, token: str, status: str, query: str = "") -> Any:
    answer = inside.client.get(f"{API}/{status}{query}", token=token)
    assert answer.status == 200, answer.text
    return answer.json()


def names(inside: Inside, token: str, status: str, query: str = "") -> list[str]:
    return [one["user"]["user"] for one in listed(inside, token, status, query)]


def read(inside: Inside, token: str | None) -> int:
    return inside.client.get(FILE, token=token).status


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.headers["x-error-message"]


# --- asking ---------------------------------------------------------------------------------------------------------


def test_manual_waits_and_what_the_owners_decide_counts_at_once(
    inside: Inside, repo: Repo, tokens: dict[str, str]
) -> None:
    ada, eve = tokens["ada"], tokens["eve"]
    assert read(inside, eve) == 403
    assert ask(inside, eve).status == 303
    refused = inside.client.get(FILE, token=eve)
    assert (refused.status, refused.headers["x-error-code"]) == (403, "GatedRepo")
    assert "is awaiting a review from the repo authors" in refused.headers["x-error-message"]
    (one,) = listed(inside, ada, "pending")
    assert one["user"] | {"_id": ""} == {
        "_id": "", "user": "eve", "fullname": "Eve Moore", "avatarUrl": "/avatars/eve.svg", "isPro": False, "type": "user",
        "email": "eve@example.org",
    }  # fmt: skip
    assert (one["status"], one["fields"], "reviewedAt" in one) == ("pending", ANSWERS, False)
    assert len(one["requestId"]) == 24
    for status, after in (("accepted", 200), ("pending", 403), ("accepted", 200), ("rejected", 403), ("accepted", 200)):
        handled = inside.client.post(f"{API}/handle", token=ada, json={"user": "eve", "status": status})
        assert (handled.status, handled.json()) == (200, {})
        assert read(inside, eve) == after
        assert names(inside, ada, status) == ["eve"]
    (one,) = listed(inside, ada, "accepted")
    assert one["grantedBy"] == {"user": "ada"}
    assert one["reviewedAt"] >= one["timestamp"]


def test_auto_lets_in_at_once(inside: Inside, people: dict[str, Caller], repo: Repo, tokens: dict[str, str]) -> None:
    gate(inside, people, repo, "auto")
    assert ask(inside, tokens["eve"]).status == 303
    assert read(inside, tokens["eve"]) == 200
    assert read(inside, tokens["bob"]) == 403
    assert read(inside, None) == 401


def test_a_proposal_needs_what_files_need(inside: Inside, people: dict[str, Caller], repo: Repo) -> None:
    for action in (Action.CONTENT, Action.PROPOSE):
        with pytest.raises(Exception, match=r"restricted|rights"):
            inside.open(people["eve"], "lab/words", action)
    requests.grant(repo, people["ada"], Who("eve"))
    for action in (Action.CONTENT, Action.PROPOSE):
        inside.open(people["eve"], "lab/words", action)
    with pytest.raises(Exception, match="rights"):
        inside.open(people["eve"], "lab/words", Action.WRITE)


def test_answers_that_do_not_fit_are_named(inside: Inside, repo: Repo, tokens: dict[str, str]) -> None:
    for answers, named in (
        ({}, "'Company': it has to be answered"),
        ({"Company": "x", "Country": "Atlantis"}, "'Country': it is none of the choices"),
        ({"Company": [], "Country": {"a": 1}}, "'Company': it has to be answered"),
        (ANSWERS | {"agreement": "0" * 16}, "has changed since you opened the page"),
    ):
        status, message = refusal(ask(inside, tokens["eve"], answers))
        assert (status, named in message) == (400, True), message
    assert names(inside, tokens["ada"], "pending") == []


def test_asking_again_changes_nothing(inside: Inside, repo: Repo, tokens: dict[str, str]) -> None:
    ada, eve = tokens["ada"], tokens["eve"]
    ask(inside, eve)
    before = listed(inside, ada, "pending")
    assert ask(inside, eve, ANSWERS | {"Company": "Another"}).status == 303
    assert listed(inside, ada, "pending") == before
    rejected = {"user": "eve", "status": "rejected", "rejectionReason": "Not now"}
    assert inside.client.post(f"{API}/handle", token=ada, json=rejected).status == 200
    assert ask(inside, eve).status == 303
    assert names(inside, ada, "rejected") == ["eve"]
    assert "has been rejected" in inside.client.get(FILE, token=eve).headers["x-error-message"]


def test_what_waits_can_be_withdrawn_and_a_rejection_cannot(inside: Inside, repo: Repo, tokens: dict[str, str]) -> None:
    ada, eve = tokens["ada"], tokens["eve"]
    nothing = (404, "No pending access request found for this repo and this user")
    assert refusal(inside.client.post(f"{API}/cancel", token=eve)) == nothing
    ask(inside, eve)
    assert inside.client.post(f"{API}/cancel", token=eve).json() == {"ok": True}
    assert names(inside, ada, "pending") == []
    ask(inside, eve)
    inside.client.post(f"{API}/handle", token=ada, json={"user": "eve", "status": "rejected"})
    assert refusal(inside.client.post(f"{API}/cancel", token=eve)) == nothing
    assert names(inside, ada, "rejected") == ["eve"]


def test_who_may_ask(inside: Inside, people: dict[str, Caller], repo: Repo, tokens: dict[str, str]) -> None:
    reader = inside.token(people["eve"], "read")
    assert ask(inside, reader).status == 403
    assert ask(inside, tokens["ada"], {}).status == 303, "who may read already need not ask"
    assert names(inside, tokens["ada"], "accepted") == []
    gate(inside, people, repo, "")
    assert inside.client.post("/lab/words/ask-access", token=tokens["eve"], json=ANSWERS).status == 303
    inside.hub.catalog.change(people["ada"], repo, Settings(private=True, gated="auto"))
    assert ask(inside, tokens["eve"]).status == 404


def test_requests_stay_when_the_gate_is_taken_away(
    inside: Inside, people: dict[str, Caller], repo: Repo, tokens: dict[str, str]
) -> None:
    ask(inside, tokens["eve"])
    gate(inside, people, repo, "")
    assert read(inside, tokens["eve"]) == 200
    assert names(inside, tokens["ada"], "pending") == ["eve"]
    handled = inside.client.post(f"{API}/handle", token=tokens["ada"], json={"user": "eve", "status": "accepted"})
    assert handled.status == 400
    gate(inside, people, repo, "auto")
    assert read(inside, tokens["eve"]) == 403, "what waited waits still"


def test_an_accepted_request_opens_no_private_repo(
    inside: Inside, people: dict[str, Caller], repo: Repo, tokens: dict[str, str]
) -> None:
    requests.grant(repo, people["ada"], Who("eve"))
    assert read(inside, tokens["eve"]) == 200
    assert [one.repo_id.name for one in requests.all_own(inside.hub.database, people["eve"])] == ["words"]
    inside.hub.catalog.change(people["ada"], repo, Settings(private=True))
    assert read(inside, tokens["eve"]) == 404
    assert requests.all_own(inside.hub.database, people["eve"]) == []


# --- reviewing ------------------------------------------------------------------------------------------------------


def test_who_reviews(inside: Inside, people: dict[str, Caller], repo: Repo, tokens: dict[str, str]) -> None:
    tokens = tokens | {"reader": inside.token(people["ada"], "read")}
    expected = {"ada": 200, "wim": 200, "cora": 200, "rita": 403, "eve": 403, "reader": 403}
    for name, status in expected.items():
        assert inside.client.get(f"{API}/pending", token=tokens[name]).status == status, name
        assert inside.client.get("/lab/words/user-access-report", token=tokens[name]).status == status, name
    assert inside.client.get(f"{API}/pending").status == 401


def test_granting(inside: Inside, repo: Repo, tokens: dict[str, str]) -> None:
    ada = tokens["ada"]

    def grant(**body: str) -> Answer:
        return inside.client.post(f"{API}/grant", token=ada, json=body)

    assert grant(user="EVE").status == 200
    assert refusal(grant(user="eve")) == (400, "That user already has access to the repo")
    assert refusal(grant(user="nobody")) == (404, "User not found")
    assert refusal(grant(user="lab")) == (404, "User not found")
    assert grant().status == grant(user="eve", userId="0" * 24).status == 400
    (one,) = listed(inside, ada, "accepted")
    assert "email" not in one["user"], "who was let in unasked shares nothing"
    assert "fields" not in one
    assert read(inside, tokens["eve"]) == 200
    inside.client.post(f"{API}/handle", token=ada, json={"requestId": one["requestId"], "status": "pending"})
    assert ask(inside, tokens["eve"]).status == 303
    (one,) = listed(inside, ada, "pending")
    assert (one["user"]["email"], one["fields"]) == ("eve@example.org", ANSWERS), "now they asked"
    assert grant(userId=one["user"]["_id"]).status == 200
    assert names(inside, ada, "accepted") == ["eve"]


def test_bad_decisions_are_refused(inside: Inside, repo: Repo, tokens: dict[str, str]) -> None:
    nothing = (404, "No access request found matching your criteria")

    def handle(**body: Any) -> Answer:
        return inside.client.post(f"{API}/handle", token=tokens["ada"], json=body)

    assert refusal(handle(user="eve", status="accepted")) == nothing
    ask(inside, tokens["eve"])
    assert refusal(handle(user="eve", status="pending")) == nothing
    assert refusal(handle(requestId="0" * 24, status="accepted")) == nothing
    assert refusal(handle(user="nobody", status="accepted")) == (404, "User not found")
    for body in (
        {"user": "eve", "status": "reset"},
        {"user": "eve", "status": "rejected", "rejectionReason": "x" * 201},
        {"user": "eve", "status": "rejected", "rejectionReason": "a\x00b"},
        {"user": "eve", "status": "accepted", "rejectionReason": "why"},
        {"status": "accepted"},
        {"user": 1, "status": "accepted"},
    ):
        assert handle(**body).status == 400, body
    for body in ({"requestId": "\x00"}, {"userId": "\x00"}, {"user": "\x00"}, {"user": "\U0001f600"}):
        assert handle(**body, status="accepted").status == 404, body
    assert names(inside, tokens["ada"], "pending") == ["eve"]


def test_requests_of_another_repo_are_out_of_reach(
    inside: Inside, people: dict[str, Caller], repo: Repo, tokens: dict[str, str]
) -> None:
    ask(inside, tokens["bob"])
    (one,) = listed(inside, tokens["ada"], "pending")
    other = inside.repo(people["eve"], "eve/own")
    inside.hub.catalog.change(people["eve"], other, Settings(gated="manual"))
    body = {"requestId": one["requestId"], "status": "accepted"}
    assert (
        inside.client.post("/api/models/eve/own/user-access-request/handle", token=tokens["eve"], json=body).status
        == 404
    )
    assert read(inside, tokens["bob"]) == 403


def test_a_batch_answers_in_order(inside: Inside, repo: Repo, tokens: dict[str, str]) -> None:
    ask(inside, tokens["eve"])
    whose = [{"user": "eve"}, {"user": "nobody"}, {"user": "bob"}, {"user": "eve"}]
    body = {"status": "accepted", "requests": whose}
    answer = inside.client.post(f"{API}/batch", token=tokens["ada"], json=body)
    assert answer.json() == [
        {"user": "eve", "ok": True},
        {"user": "nobody", "ok": False, "error": "user_not_found"},
        {"user": "bob", "ok": False, "error": "request_not_found"},
        {"user": "eve", "ok": True},
    ]
    for wrong in (list[dict[str, str]](), [{"user": "eve"}] * 101, [{}]):
        refused = inside.client.post(
            f"{API}/batch", token=tokens["ada"], json={"status": "accepted", "requests": wrong}
        )
        assert refused.status == 400


def test_pages_and_search(inside: Inside, people: dict[str, Caller], repo: Repo, tokens: dict[str, str]) -> None:
    for number in range(5):
        inside.user(f"guest{number}")
        requests.grant(repo, people["ada"], Who(f"guest{number}"))
    ask(inside, tokens["eve"])
    requests.handle(repo, people["ada"], Who("eve"), Status.ACCEPTED)
    first = inside.client.get(f"{API}/accepted?limit=4", token=tokens["ada"])
    assert [one["user"]["user"] for one in first.json()] == ["eve", "guest4", "guest3", "guest2"]
    following = first.headers["link"].partition(">")[0].removeprefix("<http://localhost:8000")
    second = inside.client.get(following, token=tokens["ada"])
    assert [one["user"]["user"] for one in second.json()] == ["guest1", "guest0"]
    assert "link" not in second.headers
    assert names(inside, tokens["ada"], "accepted", "?q=MOORE") == ["eve"]
    assert names(inside, tokens["ada"], "accepted", "?q=@example.org") == ["eve"]
    assert names(inside, tokens["ada"], "accepted", "?q=%25") == []
    assert inside.client.get(f"{API}/accepted?cursor=YQ", token=tokens["ada"]).status == 400
    assert inside.client.get(f"{API}/nonsense", token=tokens["ada"]).status == 400


def test_the_report_has_everybody_and_no_formulas(
    inside: Inside, people: dict[str, Caller], repo: Repo, tokens: dict[str, str]
) -> None:
    ask(inside, tokens["eve"])
    requests.grant(repo, people["ada"], Who("bob"))
    answer = inside.client.get("/lab/words/user-access-report", token=tokens["ada"])
    assert answer.headers["content-disposition"] == "attachment; filename=user-access-report-lab-words.json"
    bob, eve = answer.json()
    assert (bob["user"], bob["email"], bob["status"], bob["grantedBy"]) == ("bob", None, "accepted", {"user": "ada"})
    assert (eve["user"], eve["email"], eve["fields"]) == ("eve", "eve@example.org", ANSWERS)
    table = inside.client.get("/lab/words/user-access-report?format=csv", token=tokens["ada"])
    head, *rows = table.body.decode("utf-8-sig").split("\r\n")
    assert head == "user,fullname,email,status,time,reviewedAt,rejectionReason,grantedBy,Company,Country"
    assert "'=1+1,FR" in rows[1]
    assert inside.client.get("/lab/words/user-access-report?format=xls", token=tokens["ada"]).status == 400


# --- members --------------------------------------------------------------------------------------------------------


def test_members_have_to_ask_where_the_gate_is_for_them_too(
    inside: Inside, people: dict[str, Caller], repo: Repo, tokens: dict[str, str]
) -> None:
    inside.user("chief", is_admin=True)
    tokens = tokens | {"chief": inside.token(_caller(inside, "chief"))}
    everybody = {"ada": 200, "cora": 200, "wim": 200, "rita": 200, "chief": 200, "eve": 403}
    assert {name: read(inside, tokens[name]) for name in everybody} == everybody
    body = {"gated": "manual", "orgMembersGated": True}
    assert inside.client.put("/api/models/lab/words/settings", token=tokens["ada"], json=body).status == 200
    gated = everybody | {"wim": 403, "rita": 403}
    assert {name: read(inside, tokens[name]) for name in everybody} == gated
    ask(inside, tokens["rita"])
    requests.handle(repo, people["ada"], Who("rita"), Status.ACCEPTED)
    assert {name: read(inside, tokens[name]) for name in everybody} == gated | {"rita": 200}


def _caller(inside: Inside, name: str) -> Caller:
    account = inside.accounts[name]
    return Caller(account.id, account.name, may_write=True, is_admin=account.is_admin)


def test_a_card_cannot_open_or_close_a_gate(inside: Inside, people: dict[str, Caller], repo: Repo) -> None:
    inside.commit(repo, people["ada"], {"README.md": b"---\ngated: false\nextra_gated_eu_disallowed: true\n---\n"})
    with pytest.raises(GatedRepo):
        inside.open(people["eve"], "lab/words", Action.CONTENT)
    other = inside.repo(people["ada"], "lab/open")
    inside.commit(other, people["ada"], {"README.md": b"---\ngated: manual\nextra_gated_prompt: x\n---\n"})
    inside.open(people["eve"], "lab/open", Action.CONTENT)


def test_events_tell_of_decisions_and_nothing_of_answers(
    inside: Inside, people: dict[str, Caller], repo: Repo, tokens: dict[str, str]
) -> None:
    ask(inside, tokens["eve"])
    requests.handle(repo, people["ada"], Who("eve"), Status.REJECTED, "because")
    with inside.hub.database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT kind, payload FROM events WHERE kind LIKE 'access_request.%%' ORDER BY id"
        )
        found = [(kind, msgspec.json.decode(payload)) for kind, payload in rows]
    eve = people["eve"].user_id
    assert found == [
        ("access_request.create", {"id": str(repo.repo_id), "user": eve, "status": "pending"}),
        ("access_request.update", {"id": str(repo.repo_id), "user": eve, "status": "rejected"}),
    ]
