"""Who may move a repo where (reliability.md section 2.1, Moves): every pair of roles, by the API.

Out of an organisation: its administrators. Into one: who may create there. Never to another user.
"""

from collections.abc import Iterator

import pytest

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.names import RepoType
from tests.databases import SqliteTemplate
from tests.inside import Inside

ROLES = (None, *Role)
CREATORS = ("contributor", "write", "admin")


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """The hub's administrator, warden, creates repos; `from-R` and `to-R` are organisations in which ada has the role R."""
    template = SqliteTemplate(tmp_path_factory.mktemp("template"))
    with Inside(template.config(tmp_path_factory.mktemp("hub"))) as made:
        made.user("warden", is_admin=True)
        ada = made.user("ada")
        made.user("bob")
        for role in ROLES:
            for side in ("from", "to"):
                made.org(f"{side}-{role}", {ada: role.value} if role else {})
        yield made


def move(inside: Inside, who: str, source: str, target: str, *, role: str = "write") -> int:
    """The status. A move that is done answers at the new name, and by a redirect at the old one."""
    token = inside.token(caller(inside, who), role)
    body = {"fromRepo": source, "toRepo": target, "type": "model"}
    answer = inside.client.post("/api/repos/move", token=token, json=body)
    warden = inside.token(caller(inside, "warden"))
    moved = inside.client.get(f"/api/models/{target}", token=warden).status == 200
    assert moved == (answer.status == 200)
    if moved:
        assert inside.client.get(f"/api/models/{source}", token=warden).headers["location"].endswith(target)
    return answer.status


def caller(inside: Inside, name: str) -> Caller:
    account = inside.hub.directory.get_user(name)
    return Caller(account.id, name, may_write=True, is_admin=account.is_admin)


def make(inside: Inside, name: str, *, creator: str = "warden", private: bool = False) -> str:
    inside.repo(caller(inside, creator), name, type=RepoType.MODEL, private=private)
    return name


@pytest.mark.parametrize("role", ROLES)
def test_e_transfers_between_organisations(inside: Inside, role: Role | None) -> None:
    for other in ROLES:
        source = make(inside, f"from-{role}/to-{other}")
        allowed = role == "admin" and other in CREATORS
        assert move(inside, "ada", source, f"to-{other}/from-{role}") == (200 if allowed else 403), (role, other)


@pytest.mark.parametrize("role", ROLES)
def test_e_transfers_out_of_an_organisation_to_people(inside: Inside, role: Role | None) -> None:
    mine, theirs = (make(inside, f"from-{role}/for-{name}") for name in ("ada", "bob"))
    assert move(inside, "ada", mine, f"ada/from-{role}") == (200 if role == "admin" else 403)
    assert move(inside, "ada", theirs, f"bob/from-{role}") == 403


@pytest.mark.parametrize("role", ROLES)
def test_e_transfers_from_people_to_an_organisation(inside: Inside, role: Role | None) -> None:
    source = make(inside, f"ada/to-{role}", creator="ada")
    assert move(inside, "ada", source, f"to-{role}/from-ada") == (200 if role in CREATORS else 403)


@pytest.mark.parametrize("role", ROLES)
def test_e_transfers_renaming_inside_an_organisation(inside: Inside, role: Role | None) -> None:
    foreign = make(inside, f"from-{role}/foreign")
    assert move(inside, "ada", foreign, f"from-{role}/renamed") == (200 if role in ("write", "admin") else 403)
    if role == "contributor":
        own = make(inside, f"from-{role}/own", creator="ada")
        assert move(inside, "ada", own, f"from-{role}/own-renamed") == 200
        assert move(inside, "ada", f"from-{role}/own-renamed", "to-admin/own-renamed") == 403


def test_e_transfers_between_people_and_of_what_is_not_ones_own(inside: Inside) -> None:
    own, foreign = make(inside, "ada/own", creator="ada"), make(inside, "bob/own", creator="bob")
    assert move(inside, "ada", own, "bob/taken") == 403
    assert move(inside, "ada", foreign, "ada/taken") == 403
    assert move(inside, "ada", foreign, "to-admin/taken") == 403
    assert move(inside, "ada", own, "nobody-here/taken") == 404
    assert move(inside, "ada", own, "ada/renamed", role="read") == 403
    assert move(inside, "ada", own, "ada/renamed") == 200


def test_e_transfers_tell_strangers_nothing_of_what_is_private(inside: Inside) -> None:
    private = make(inside, "bob/private", creator="bob", private=True)
    assert move(inside, "ada", private, "ada/private") == move(inside, "ada", "bob/absent", "ada/private") == 404
    assert move(inside, "ada", make(inside, "from-read/private", private=True), "ada/private") == 403


def test_e_transfers_the_hubs_administrators_move_anything(inside: Inside) -> None:
    assert move(inside, "warden", make(inside, "from-None/any"), "to-None/any") == 200
    assert move(inside, "warden", "to-None/any", "bob/any") == 200
