"""Reports, disabled repos, blocks and the log of changes, as people without scripts meet them."""

import re
from pathlib import Path

import pytest

from pioche.accounts.callers import Caller
from pioche.app import PROTOCOLS
from pioche.http.routes import Needs
from pioche.moderation import disabling, reports
from pioche.repos.access import Action
from tests.asgi import Answer
from tests.databases import SqliteTemplate
from tests.inside import Inside
from tests.visitor import Visitor


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("template"))


@pytest.fixture
def inside(template: SqliteTemplate, tmp_path: Path) -> Inside:
    return Inside(template.config(tmp_path / "data"))


def visitor(inside: Inside, name: str, *, is_admin: bool = False) -> Visitor:
    """Who has just signed in."""
    cookie = inside.cookie(inside.user(name, is_admin=is_admin))["cookie"]
    found = Visitor(inside.client)
    session, _, secret = cookie.partition("=")
    found.cookies[session] = secret
    return found


def words(answer: Answer) -> str:
    return " ".join(answer.text.split())


def test_r6_a_disabled_repo_shows_the_reason_and_owners_ask_for_it_back(inside: Inside) -> None:
    with inside:
        ada, eve = visitor(inside, "ada"), visitor(inside, "eve")
        chief = visitor(inside, "chief", is_admin=True)
        owner = inside.hub.directory.get_user("ada")
        repo = inside.repo(_caller(inside, "ada"), "ada/words")
        disabling.disable(repo, _caller(inside, "chief"), "It gives <names> away.")
        for reader in (eve, Visitor(inside.client)):
            page = reader.get("/ada/words")
            assert page.status == 403
            assert "It gives &lt;names&gt; away." in page.text
            assert "/ada/words/appeal" not in page.text
        page = ada.get("/ada/words")
        sent = ada.send(page, "/ada/words/appeal", text="The names are gone")
        assert "The administrators have your appeal" in sent.text
        assert "The names are gone" in sent.text
        queue = chief.get("/admin/reports")
        assert "The names are gone" in queue.text
        assert "ada/words" in queue.text
        one = f"/admin/reports/{reports.of_author(inside.hub.database, owner.id)[0].id}"
        assert "Decided." in chief.send(chief.get(one), one, decision="uphold", answer="Thank you").text
        assert eve.get("/ada/words").status == 200
        assert "Thank you" in ada.get("/settings/reports").text


def test_r3_a_repo_is_reported_from_its_menu_and_disabled_from_the_queue(inside: Inside) -> None:
    with inside:
        ada, eve = visitor(inside, "ada"), visitor(inside, "eve")
        chief = visitor(inside, "chief", is_admin=True)
        inside.repo(_caller(inside, "ada"), "ada/words")
        inside.repo(_caller(inside, "ada"), "ada/secret", private=True)
        assert 'href="/ada/words/report"' in eve.get("/ada/words").text
        assert 'href="/ada/words/report"' not in ada.get("/ada/words").text  # one's own
        page = eve.get("/ada/words/report")
        assert eve.send(page, "/ada/words/report").status == 422
        sent = eve.send(page, "/ada/words/report", reason="malware", text="In a.bin")
        assert "The administrators have your report" in sent.text
        assert eve.send(page, "/ada/words/report", reason="malware").status == 409
        assert "already" in eve.send(page, "/ada/words/report", reason="malware").text
        absent = [eve.post(f"/ada/{name}/report", {"reason": "spam", "csrf": eve.csrf}) for name in ("secret", "none")]
        assert [one.status for one in absent] == [404, 404]
        (found,) = reports.queue(inside.hub.database, reports.Status.OPEN)
        one = f"/admin/reports/{found.id}"
        assert chief.send(chief.get(one), one, decision="uphold").status == 422
        assert "Decided." in chief.send(chief.get(one), one, decision="uphold", reason="Harmful").text
        assert eve.get("/ada/words").status == 403
        assert chief.get("/ada/words").status == 200
        assert "in use again" in chief.send(chief.get(one), f"{one}/enable").text
        assert eve.get("/ada/words").status == 200


def test_c5_a_comment_and_a_person_are_reported_and_blocked(inside: Inside) -> None:
    with inside:
        ada, eve = visitor(inside, "ada"), visitor(inside, "eve")
        inside.repo(_caller(inside, "ada"), "ada/words")
        threads = "/api/models/ada/words/discussions"
        token = inside.token(_caller(inside, "eve"))
        inside.client.post(threads, token=token, json={"title": "A question", "description": "Rude words"})
        shown = inside.client.get(f"{threads}/1", token=token).json()
        comment = f"/ada/words/discussions/1/comment/{shown['events'][0]['id']}"
        page = ada.get(comment)
        assert f'href="{comment}/report"' in page.text
        assert "/settings/blocked?name=eve" in page.text
        assert f'href="{comment}/report"' not in eve.get(comment).text
        form = ada.get(f"{comment}/report")
        assert "Rude words" in form.text
        assert "have your report" in ada.send(form, f"{comment}/report", reason="harassment").text
        person = "/settings/reports/new?name=eve"
        assert person in ada.get("/eve").text
        assert "have your report" in ada.send(ada.get(person), person, reason="spam").text
        blocked = ada.send(ada.get("/settings/blocked?name=eve"), "/settings/blocked")
        assert "Blocked." in blocked.text
        assert 'href="/eve"' in blocked.text
        said = inside.client.post(f"{threads}/1/comment", token=token, json={"comment": "Hello?"})
        assert (said.status, said.headers["x-error-message"][:9]) == (403, "The owner")
        assert "Not blocked" in ada.post("/settings/blocked", {"name": "eve", "undo": "yes", "csrf": ada.csrf}).text
        assert inside.client.post(f"{threads}/1/comment", token=token, json={"comment": "Hello!"}).status == 200
        for wrong in ("ada", "nobody-here"):
            assert ada.post("/settings/blocked", {"name": wrong, "csrf": ada.csrf}).status == 422


def test_u3_audit_log_of_an_organisation_is_for_its_administrators(inside: Inside) -> None:
    with inside:
        ada, bob = visitor(inside, "ada"), visitor(inside, "bob")
        inside.org("lab", {_caller(inside, "ada"): "admin", _caller(inside, "bob"): "write"})
        inside.repo(_caller(inside, "bob"), "lab/secret", private=True)
        log = "/organizations/lab/settings/audit-log"
        page = ada.get(log)
        assert "created the repository" in words(page)
        assert "lab/secret" in page.text
        assert ada.get(f"{log}?kind=org").text.count("<tr>") < page.text.count("<tr>")
        assert ada.get(f"{log}?since=x").status == 400
        export = ada.get(f"{log}/export?kind=repo")
        assert [(one["type"], one["author"]["name"], one["target"]) for one in export.json()] == [
            ("repo.create", "bob", "lab/secret")
        ]
        assert [bob.get(one).status for one in (log, f"{log}/export")] == [403, 403]
        api = "/api/organizations/lab/audit-log/export"
        tokens = [inside.token(_caller(inside, name)) for name in ("ada", "bob")]
        assert [inside.client.get(api, token=token).status for token in (*tokens, None)] == [200, 403, 401]
        assert inside.client.get(api, token=tokens[0]).json()[0]["data"] == {}
        assert inside.client.get(f"{api}?since=x", token=tokens[0]).status == 400


def test_s2_ones_own_log_and_that_of_the_hub(inside: Inside) -> None:
    with inside:
        ada = visitor(inside, "ada")
        page = ada.get("/settings/activity-log")
        assert "signed in" in words(page)
        assert "joined the hub" in words(page)
        chief = visitor(inside, "chief", is_admin=True)
        inside.hub.directory.suspend(inside.accounts["ada"], actor_id=inside.accounts["chief"].id)
        page = chief.get("/admin/audit-log?actor=chief&kind=user")
        assert "suspended the account" in words(page)
        assert "ada" in page.text
        assert chief.get("/admin/audit-log/export").json()[0]["type"]
        assert ada.get("/settings/activity-log", follow=False).status == 303  # the session ended


def test_z8_to_others_there_is_nothing_under_admin(inside: Inside) -> None:
    with inside:
        eve = visitor(inside, "eve")
        read = inside.token(inside.user("boss", is_admin=True), "read")
        routes = [route for protocol in PROTOCOLS for route in protocol.routes if route.needs is Needs.ADMIN_PAGE]
        assert routes
        for route in routes:
            path = route.pattern.replace("{id}", "1")
            for who in (eve, Visitor(inside.client)):
                found = who.get(path) if route.method == "GET" else who.post(path, {"csrf": eve.csrf})
                assert found.status == 404, (route.method, path)
            if route.method == "POST":
                assert inside.client.post(path, token=read).status == 403
        assert Action.ADMINISTER not in {route.needs for route in routes}


def _caller(inside: Inside, name: str) -> Caller:
    account = inside.accounts[name]
    return Caller(account.id, account.name, may_write=True, is_admin=account.is_admin)


def test_m10_what_is_not_for_all_audiences_is_shown_on_demand_and_not_on_the_front_page(inside: Inside) -> None:
    with inside:
        eve, owner = visitor(inside, "eve"), inside.user("ada")
        for name, tag in (("mild", "legal"), ("strong", "not-for-all-audiences")):
            card = f"---\ntags: [{tag}]\n---\n# Title\n\nWords of {name}.\n"
            inside.commit(inside.repo(owner, f"ada/{name}"), owner, {"README.md": card.encode()})
        front = eve.get("/").text
        assert "/ada/mild" in front
        assert "/ada/strong" not in front
        assert "ada/strong" in eve.get("/models").text
        assert len(inside.client.get("/api/models").json()) == 2
        assert "Words of mild" in eve.get("/ada/mild").text
        assert "Words of strong" not in eve.get("/ada/strong").text
        assert "Words of strong" in eve.get("/ada/strong?show=1").text
        assert "Words of strong" in eve.get("/ada/strong").text  # this browser is not asked again for a while
        assert "Words of strong" not in Visitor(inside.client).get("/ada/strong").text


def test_t6_what_is_not_for_all_audiences_is_asked_about_shown_or_hidden(inside: Inside) -> None:
    with inside:
        eve, owner = visitor(inside, "eve"), inside.user("ada")
        card = b"---\ntags: [not-for-all-audiences]\n---\n# Title\n\nStrong words.\n"
        inside.commit(inside.repo(owner, "ada/strong"), owner, {"README.md": card})
        here = "/settings/account"

        def shown(preference: str, path: str = "/ada/strong") -> bool:
            eve.send(eve.get(here), here, sensitive=preference)
            return "Strong words" in eve.get(path).text

        assert (shown(""), shown("show"), shown("hide"), shown("hide", "/ada/strong?show=1")) == (
            False, True, False, False,
        )  # fmt: skip
        assert "Show the card" not in eve.get("/ada/strong").text
        assert eve.send(eve.get(here), here, sensitive="never").status == 400
        assert "Strong words" not in Visitor(inside.client).get("/ada/strong").text


def test_t6_exact_times_are_told_by_the_readers_clock(inside: Inside) -> None:
    with inside:
        eve, owner, here = visitor(inside, "eve"), inside.user("ada"), "/settings/account"
        inside.repo(owner, "ada/words")
        assert "UTC" in _exact(eve.get("/models").text)
        eve.send(eve.get(here), here, time_zone="Asia/Kolkata")
        assert "+0530" in _exact(eve.get("/models").text)
        assert '<option value="Asia/Kolkata" selected>' in eve.get(here).text
        assert "UTC" in _exact(Visitor(inside.client).get("/models").text)
        assert eve.send(eve.get(here), here, time_zone="Mars/Olympus").status == 400
        assert eve.send(eve.get(here), here, time_zone="").status == 200
        assert "UTC" in _exact(eve.get("/models").text)


def _exact(page: str) -> str:
    return " ".join(re.findall(r'<time [^>]*title="([^"]*)"', page))
