"""The settings of a repo by forms, as a browser without scripts sends them (ui.md S1, S2, T7, G13)."""

from dataclasses import dataclass

import msgspec
import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.accounts.tokens import TokenRole
from pioche.db import schema
from pioche.names import RepoId, RepoType
from pioche.repos.access import Action
from pioche.repos.catalog import NewRepo
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@dataclass
class Town:
    local: LocalHub
    ada: Caller

    def enter(self, name: str) -> Visitor:
        visitor = Visitor(self.local.client)
        visitor.sign_in(name)
        return visitor

    def events(self) -> list[tuple[str, dict[str, object]]]:
        table = schema.events
        with self.local.hub.database.read() as connection:
            rows = connection.execute(sa.select(table.c.kind, table.c.payload).order_by(table.c.id)).all()
        return [(row.kind, msgspec.json.decode(row.payload, type=dict[str, object])) for row in rows]

    def token(self) -> str:
        directory = self.local.hub.directory
        return directory.tokens.create(directory.get_user("ada"), role=TokenRole.WRITE)[0]

    def info(self, name: str) -> dict[str, object]:
        answer = self.local.client.get(f"/api/models/{name}", token=self.token())
        return dict(answer.json())


@pytest.fixture
def town(local: LocalHub) -> Town:
    """`lab` with a member of each role; ada, its administrator, has `ada/words`, and `lab` has `lab/tools` and `lab/secret`."""
    directory = local.hub.directory
    roles = {"ada": Role.ADMIN, "will": Role.WRITE, "cora": Role.CONTRIBUTOR, "rita": Role.READ, "nora": Role.NO_ACCESS}
    people = {name: directory.create_user(name, password=PASSWORD) for name in (*roles, "eve")}
    lab = directory.create_org("lab", creator_id=people["ada"].id)
    for name, role in roles.items():
        if name != "ada":
            directory.members.add(lab, people[name], role)
    ada = Caller(people["ada"].id, "ada", may_write=True, is_admin=False)
    for namespace, name, private in (("ada", "words", False), ("lab", "tools", False), ("lab", "secret", True)):
        new = NewRepo(type=RepoType.MODEL, namespace=namespace, name=name, private=private)
        local.hub.catalog.create(ada, new)
    return Town(local, ada)


PAGES = ("", "/storage", "/webhooks", "/gate")
FORMS = ("/name", "/visibility", "/features", "/code", "/delete", "/storage/files", "/storage/squash")


@pytest.mark.parametrize(
    ("who", "public", "private"),
    [
        ("ada", 200, 200),
        ("will", 200, 200),
        ("cora", 403, 403),
        ("rita", 403, 403),
        ("nora", 403, 404),
        ("eve", 403, 404),
    ],
)
def test_s2_only_who_may_manage_has_the_tab_and_the_pages(town: Town, who: str, public: int, private: int) -> None:
    visitor = town.enter(who)
    for name, status in (("lab/tools", public), ("lab/secret", private)):
        has_tab = f'href="/{name}/settings"' in visitor.get(f"/{name}").text
        assert has_tab == (status == 200)
        for page in PAGES:
            assert visitor.get(f"/{name}/settings{page}").status == status, (name, page)
        if status != 200:
            for form in FORMS:
                answer = visitor.post(f"/{name}/settings{form}", {"csrf": visitor.csrf}, follow=False)
                assert answer.status == status, (name, form)
    assert [kind for kind, _ in town.events() if kind.startswith("repo.") and kind != "repo.create"] == []


def test_s2_nobody_is_led_to_sign_in_or_told_nothing(town: Town) -> None:
    visitor = Visitor(town.local.client)
    assert 'href="/lab/tools/settings"' not in visitor.get("/lab/tools").text
    assert visitor.get("/lab/tools/settings", follow=False).status in (303, 401)
    assert visitor.get("/lab/secret/settings", follow=False).status == visitor.get("/lab/absent/settings").status


def test_s1_visibility_is_changed_where_it_is_confirmed(town: Town) -> None:
    visitor = town.enter("ada")
    page = visitor.get("/ada/words/settings")
    refused = visitor.send(page, "/ada/words/settings/visibility", visibility="private")
    assert (refused.status, town.info("ada/words")["private"]) == (422, False)
    page = visitor.send(page, "/ada/words/settings/visibility", visibility="private", sure="yes")
    assert 'role="status"' in page.text
    assert 'data-kind="private"' in page.text
    assert town.enter("eve").get("/ada/words").status == 404
    assert ("repo.update_settings", {"id": "ada/words", "private": True}) in town.events()


def test_s1_discussions_and_duplication_are_switched_off(town: Town) -> None:
    visitor, eve = town.enter("ada"), town.enter("eve")
    assert 'href="/lab/tools/duplicate"' in eve.get("/lab/tools").text
    page = visitor.post("/lab/tools/settings/features", {"csrf": visitor.csrf})
    assert 'role="status"' in page.text
    seen = eve.get("/lab/tools")
    assert 'href="/lab/tools/duplicate"' not in seen.text
    assert 'href="/lab/tools/discussions"' not in seen.text
    assert eve.get("/lab/tools/duplicate").status == 403
    token = town.token()
    copy = {"repository": "ada/copy"}
    answer = town.local.client.request("POST", "/api/models/lab/tools/duplicate", token=token, json=copy)
    assert answer.status == 403
    assert (
        "repo.update_settings",
        {"id": "lab/tools", "discussions_off": True, "duplication_off": True},
    ) in town.events()
    page = visitor.post(
        "/lab/tools/settings/features", {"csrf": visitor.csrf, "discussions": "yes", "duplication": "yes"}
    )
    answer = town.local.client.request("POST", "/api/models/lab/tools/duplicate", token=token, json=copy)
    assert answer.status == 200


def test_s1_an_owner_lets_the_code_of_a_model_run(town: Town) -> None:
    owner, writer = town.enter("ada"), town.enter("will")
    assert 'id="field-code"' not in writer.get("/lab/tools/settings").text
    action = "/lab/tools/settings/code"
    assert writer.post(action, {"csrf": writer.csrf, "code": "yes"}).status == 403
    page = owner.get("/lab/tools/settings")
    assert "This hub runs no code of models" in page.text
    page = owner.send(page, action, code="yes")
    assert 'role="status"' in page.text
    assert 'name="code" type="checkbox" value="yes" checked' in page.text
    assert ("repo.update_settings", {"id": "lab/tools", "code_allowed": True}) in town.events()
    page = writer.get("/lab/tools/settings")
    assert "Do not run it any more" in page.text
    writer.post(action, {"csrf": writer.csrf})
    assert ("repo.update_settings", {"id": "lab/tools", "code_allowed": False}) in town.events()
    token = town.token()
    answer = town.local.client.request("PUT", "/api/models/lab/tools/settings", token=token, json={"codeAllowed": True})
    assert answer.status == 200
    assert "checked" in owner.get("/lab/tools/settings").text.partition('id="field-code"')[2][:80]


def test_s1_it_is_renamed_and_transferred_by_its_typed_name(town: Town) -> None:
    visitor = town.enter("ada")
    page = visitor.get("/ada/words/settings")
    action = "/ada/words/settings/name"
    for confirm in ("", "words", "ada/other"):
        refused = visitor.send(page, action, owner="lab", name="new-words", confirm=confirm)
        assert refused.status == 422
        assert 'id="error-confirm"' in refused.text
    taken = visitor.send(page, action, owner="lab", name="tools", confirm="ada/words")
    assert (taken.status, 'id="error-name"' in taken.text) == (409, True)
    wrong = visitor.send(page, action, owner="ada", name="no spaces", confirm="ada/words")
    assert 'id="error-name"' in wrong.text
    page = visitor.send(page, action, owner="lab", name="new-words", confirm="ada/words")
    assert page.status == 200
    assert 'href="/lab/new-words/settings/storage"' in page.text
    assert visitor.get("/ada/words", follow=False).headers["location"] == "/lab/new-words"
    assert ("repo.move", {"from": "ada/words", "to": "lab/new-words"}) in town.events()


def test_s1_who_writes_to_an_organisation_takes_nothing_out_of_it(town: Town) -> None:
    visitor = town.enter("will")
    page = visitor.get("/lab/tools/settings")
    refused = visitor.send(page, "/lab/tools/settings/name", owner="will", name="tools", confirm="lab/tools")
    assert refused.status == 403
    assert 'id="error-owner"' in refused.text


def test_t7_a_repo_is_deleted_by_its_typed_name_and_restored_from_the_list(town: Town) -> None:
    visitor = town.enter("ada")
    page = visitor.get("/ada/words/settings")
    refused = visitor.send(page, "/ada/words/settings/delete", delete_confirm="yes")
    assert refused.status == 422
    page = visitor.send(page, "/ada/words/settings/delete", delete_confirm="ada/words")
    assert 'role="status"' in page.text
    assert visitor.get("/ada/words").status == 404
    uid = page.text.partition("/settings/deleted-repos/")[2][:24]
    assert town.enter("eve").get("/settings/deleted-repos").text.count(uid) == 0
    other = NewRepo(type=RepoType.MODEL, namespace="ada", name="words")
    town.local.hub.catalog.create(town.ada, other)
    taken = visitor.send(page, f"/settings/deleted-repos/{uid}/restore")
    assert taken.status == 409
    restored = visitor.send(taken, f"/settings/deleted-repos/{uid}/restore", name="ada/back")
    assert restored.status == 200
    assert visitor.get("/ada/back").status == 200
    assert visitor.get("/settings/deleted-repos").text.count(uid) == 0


def test_s1_large_files_are_listed_and_removed_for_good(town: Town) -> None:
    local = town.local
    user = local.user("max")
    local.create_repo(user, "max/heavy")
    local.commit(user, "max/heavy", {"config.json": b"{}"}, large={"a.bin": b"a" * 2000, "b.bin": b"b" * 3000})
    local.hub.directory.set_password(local.hub.directory.get_user("max"), PASSWORD)
    visitor = town.enter("max")
    page = visitor.get("/max/heavy/settings/storage")
    assert "a.bin" in page.text
    assert "b.bin" in page.text
    sha256 = page.text.partition('name="sha" value="')[2][:64]
    action = "/max/heavy/settings/storage/files"
    for fields in ({"files_confirm": "max/heavy"}, {"sha": sha256}, {"sha": "x" * 64, "files_confirm": "max/heavy"}):
        refused = visitor.post(action, {"csrf": visitor.csrf, "history": "rewrite", **fields}, follow=False)
        assert refused.status == 422, fields
    sent = {"csrf": visitor.csrf, "history": "rewrite", "sha": sha256, "files_confirm": "max/heavy"}
    page = visitor.post(action, sent)
    assert (page.status, sha256 in page.text) == (200, False)
    told = [payload for kind, payload in town.events() if kind == "repo.delete_lfs_file"]
    assert told == [{"id": "max/heavy", "count": 1, "sha256": [sha256]}]
    tree = local.client.get("/api/models/max/heavy/tree/main", token=user.token).json()
    assert len([one for one in tree if one["path"].endswith(".bin")]) == 1


def test_s1_a_branch_becomes_one_commit(town: Town) -> None:
    visitor = town.enter("ada")
    page = visitor.get("/ada/words/settings/storage")
    action = "/ada/words/settings/storage/squash"
    assert visitor.send(page, action, squash_confirm="words").status == 422
    absent = visitor.send(page, action, branch="absent", squash_confirm="ada/words")
    assert 'id="error-branch"' in absent.text
    page = visitor.send(page, action, squash_confirm="ada/words", message="Anew")
    assert 'role="status"' in page.text
    commits = town.local.client.get("/api/models/ada/words/commits/main").json()
    assert [one["title"] for one in commits] == ["Anew"]
    told = [payload for kind, payload in town.events() if kind == "repo.super_squash"]
    assert told == [{"id": "ada/words", "ref": "refs/heads/main"}]


def test_s1_webhooks_of_the_repo_and_a_new_one_with_its_name(town: Town) -> None:
    visitor = town.enter("ada")
    page = visitor.get("/lab/tools/settings/webhooks")
    address = "/organizations/lab/settings/webhooks/new?kind=model&amp;name=lab/tools"
    assert address in page.text
    form = visitor.get(address.replace("&amp;", "&"))
    assert 'value="lab/tools"' in form.text
    page = visitor.send(
        form, "/organizations/lab/settings/webhooks", url="https://example.org/told", kind="model", name="lab/tools"
    )
    assert "https://example.org/told" in visitor.get("/lab/tools/settings/webhooks").text
    assert "https://example.org/told" not in visitor.get("/ada/words/settings/webhooks").text
    assert "https://example.org/told" not in town.enter("will").get("/lab/tools/settings/webhooks").text


def test_s2_a_change_of_a_repo_that_was_deleted_meanwhile_is_refused(town: Town) -> None:
    visitor = town.enter("ada")
    page = visitor.get("/ada/words/settings")
    hub = town.local.hub
    repo = hub.access.open_sync(town.ada, RepoId(RepoType.MODEL, "ada", "words"), Action.MANAGE)
    hub.catalog.delete(town.ada, repo)
    assert visitor.send(page, "/ada/words/settings/features").status == 404


def test_s1_a_repo_is_put_into_a_resource_group_by_who_administers_it(town: Town) -> None:
    directory = town.local.hub.directory
    lab = directory.get_org("lab")
    group = directory.groups.create(lab, town.ada, name="Chemists")
    visitor = town.enter("ada")
    page = visitor.get("/lab/secret/settings")
    assert "Chemists" in page.text
    page = visitor.send(page, "/lab/secret/settings/group", group=group.uid)
    assert 'role="status"' in page.text
    assert f'value="{group.uid}" selected' in page.text
    assert town.enter("will").get("/lab/secret/settings").status == 404
    page = visitor.send(page, "/lab/secret/settings/group", group="")
    assert town.enter("will").get("/lab/secret/settings").status == 200
    assert "Chemists" not in town.enter("will").get("/lab/secret/settings").text
    answer = town.enter("will").post("/lab/secret/settings/group", {"csrf": "", "group": group.uid}, follow=False)
    assert answer.status in (403, 404)
