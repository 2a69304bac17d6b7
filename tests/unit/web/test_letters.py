"""Letters about accounts (ui.md T1, A1, U3), through a real mail server: what is proved, what is told, and to whom nothing is."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pioche.accounts import letters, mail_addresses, mail_choices
from pioche.accounts.account import Account
from pioche.accounts.mail_choices import Frequency
from pioche.accounts.members import Role
from pioche.db import schema
from pioche.db.instance import now_ms
from tests.asgi import Answer
from tests.databases import SqliteTemplate
from tests.letterbox import Letterbox, deliver, letterbox, link_in
from tests.local import LocalHub, User
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

ADA, OTHER = "ada@example.org", "another sentence"


@pytest.fixture
def box() -> Iterator[Letterbox]:
    with letterbox() as found:
        yield found


@pytest.fixture
def mailing(sqlite_template: SqliteTemplate, tmp_path: Path, box: Letterbox) -> Iterator[LocalHub]:
    """A hub that sends its mail to `box`, where anybody may make an account."""
    hub = LocalHub(replace(sqlite_template.config(tmp_path / "mailing"), sign_up="open", **box.settings))
    yield hub
    hub.close()


@pytest.fixture
def ada(mailing: LocalHub) -> Account:
    """Somebody who proved to read her address."""
    return person(mailing, "ada")


def person(hub: LocalHub, name: str, *, password: str | None = PASSWORD) -> Account:
    """Their letter is not sent: they are believed."""
    made = hub.hub.directory.create_user(name, email=f"{name}@example.org", password=password)
    found = mail_addresses.link(hub.hub.database, made.id)
    assert found is not None
    return mail_addresses.prove(hub.hub.database, found[1])


def test_t1_an_address_is_proved_by_its_link_once(mailing: LocalHub, box: Letterbox) -> None:
    visitor = Visitor(mailing.client)
    mailing.hub.directory.create_user("ada", email=ADA, password=PASSWORD)
    visitor.sign_in("ada")
    assert "not confirmed" in visitor.get("/settings/profile").text
    deliver(mailing.hub)
    (letter,) = box.letters
    assert letter["Subject"] == "Is this your address?"
    assert "List-Unsubscribe" not in letter
    link = link_in(letter, "/login/address")
    stranger = Visitor(mailing.client)  # the letter may be read where nobody is signed in
    page = stranger.get(link)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "not confirmed" in visitor.get("/settings/profile").text, "looking proves nothing: mail servers look, too"
    assert "This is your address" in stranger.send(page, "/login/address").text
    assert ADA + " is yours" in visitor.get("/settings/profile").text
    assert stranger.get(link).status == 410
    assert stranger.post("/login/address", {"key": link.partition("=")[2]}).status == 410
    deliver(mailing.hub)
    assert len(box.letters) == 1


def test_t1_a_link_ends_and_another_one_takes_its_place(mailing: LocalHub, box: Letterbox) -> None:
    mailing.hub.directory.create_user("ada", email=ADA, password=PASSWORD)
    visitor = Visitor(mailing.client)
    visitor.sign_in("ada")
    deliver(mailing.hub)
    page = visitor.send(visitor.get("/settings/profile"), "/settings/profile/address")
    assert "on its way" in page.text
    deliver(mailing.hub)
    first, second = (link_in(letter, "/login/address") for letter in box.to(ADA))
    assert visitor.get(first).status == 410
    assert visitor.get(second).status == 200
    with mailing.hub.database.write() as connection:
        connection.execute(schema.mail_addresses.update().values(expires_at=now_ms() - 1))
    assert visitor.get(second).status == 410
    for _ in range(2):
        visitor.send(visitor.get("/settings/profile"), "/settings/profile/address")
    refused = visitor.send(visitor.get("/settings/profile"), "/settings/profile/address")
    assert refused.status == 429
    assert "Too many attempts" in refused.text


def test_t1_the_address_before_is_told_and_nothing_is_proved_of_the_new_one(
    mailing: LocalHub, box: Letterbox, ada: Account
) -> None:
    visitor = Visitor(mailing.client)
    visitor.sign_in("ada")
    deliver(mailing.hub)
    assert box.letters == []
    page = visitor.get("/settings/profile")
    for wrong in ("", "wrong"):
        refused = visitor.send(page, "/settings/profile", email="new@example.org", password=wrong)
        assert refused.status == 422
        assert "This is not your password." in refused.text
    visitor.send(page, "/settings/profile", email="new@example.org", password=PASSWORD)
    deliver(mailing.hub)
    assert box.to(ADA)[0]["Subject"] == "Your address was changed"
    assert box.to("new@example.org")[0]["Subject"] == "Is this your address?"
    assert mail_addresses.reader(mailing.hub.database, ada.id) is None
    visitor.send(visitor.get("/settings/profile"), "/settings/profile", email="new@example.org", bio="Hello")
    deliver(mailing.hub)
    assert len(box.letters) == 2, "each is told once"


def test_t1_letters_are_in_the_language_of_their_reader(mailing: LocalHub, box: Letterbox) -> None:
    made = mailing.hub.directory.create_user("ada", email=ADA)
    mailing.hub.directory.set_preferences(made.id, language="fr")
    deliver(mailing.hub)
    assert box.letters[0]["Subject"].startswith("Est-ce votre")
    assert box.letters[0]["Content-Language"] == "fr"


def test_t1_without_mail_pages_say_so_and_nothing_is_queued(local: LocalHub) -> None:
    local.hub.directory.create_user("ada", email=ADA, password=PASSWORD)
    visitor = Visitor(local.client)
    assert "/login/forgotten" not in visitor.get("/login").text
    assert "This hub sends no mail" in visitor.get("/login/forgotten").text
    visitor.sign_in("ada")
    page = visitor.get("/settings/profile")
    assert "This hub sends no mail" in page.text
    assert visitor.post("/settings/profile/address", {"csrf": visitor.csrf}).status == 409
    assert Visitor(local.client).post("/login/forgotten", {"username": "ada"}).status == 200
    with local.hub.database.read() as connection:
        assert connection.execute(schema.jobs.select().where(schema.jobs.c.kind == "mail.send")).all() == []


# --- another password -------------------------------------------------------------------------------------------------


def forget(hub: LocalHub, name: str) -> str:
    visitor = Visitor(hub.client)
    answer = visitor.send(visitor.get("/login/forgotten"), "/login/forgotten", username=name)
    assert answer.status == 200
    return answer.text


def test_a1_a_link_for_another_password_is_sent_and_ends_sessions(
    mailing: LocalHub, box: Letterbox, ada: Account
) -> None:
    elsewhere = Visitor(mailing.client)
    elsewhere.sign_in("ada")
    forget(mailing, "Ada")
    deliver(mailing.hub)
    (letter,) = box.letters
    link = link_in(letter, "/login/reset")
    visitor = Visitor(mailing.client)
    visitor.send(visitor.get(link), "/login/reset", new_password=OTHER, repeated=OTHER)
    assert visitor.session is not None
    assert "/settings/profile" not in elsewhere.get("/").text
    assert visitor.get(link).status == 410
    forget(mailing, "ADA@example.org")
    deliver(mailing.hub)
    assert len(box.letters) == 2


def test_a1_nobody_learns_who_there_is(mailing: LocalHub, box: Letterbox, ada: Account) -> None:
    directory = mailing.hub.directory
    directory.create_user("unproved", email="unproved@example.org", password=PASSWORD)
    person(mailing, "keyless", password=None)
    directory.suspend(person(mailing, "gone"))
    directory.create_org("lab")
    deliver(mailing.hub)
    box.letters.clear()
    answers = {
        forget(mailing, name) for name in ("ada", "nobody", "unproved", "keyless", "gone", "lab", "x@example.org")
    }
    assert len({text.replace("ada", "") for text in answers}) == 1
    deliver(mailing.hub)
    assert [one["To"] for one in box.letters] == [ADA]


def test_a1_links_are_not_sent_again_and_again(mailing: LocalHub, box: Letterbox, ada: Account) -> None:
    for name in ("ada", "nobody"):
        for _ in range(3):
            forget(mailing, name)
        visitor = Visitor(mailing.client)
        assert visitor.send(visitor.get("/login/forgotten"), "/login/forgotten", username=name).status == 429
    assert visitor.send(visitor.get("/login/forgotten"), "/login/forgotten", username="").status == 422
    deliver(mailing.hub)
    assert len(box.letters) == 3


# --- invitations ------------------------------------------------------------------------------------------------------


@pytest.fixture
def chief(mailing: LocalHub, ada: Account) -> Visitor:
    """Ada, who administers lab."""
    made = mailing.hub.directory.create_org("lab", fullname="The Lab\r\nBcc: eve@example.org".replace("\r\n", " "))
    mailing.hub.directory.members.add(made, ada, Role.ADMIN)
    visitor = Visitor(mailing.client)
    visitor.sign_in("ada")
    return visitor


MEMBERS = "/organizations/lab/settings/members"


def invite(chief: Visitor, user: str, role: str = "write") -> int:
    return chief.send(chief.get(MEMBERS), f"{MEMBERS}/invite", user=user, role=role, days="7").status


def test_u3_an_address_without_an_account_is_invited_signs_up_and_joins(
    mailing: LocalHub, box: Letterbox, chief: Visitor
) -> None:
    assert invite(chief, "new@example.org") == 200
    assert "new@example.org" in chief.get(MEMBERS).text
    deliver(mailing.hub)
    (letter,) = box.to("new@example.org")
    assert letter["Subject"].startswith("ada invites you to The Lab")
    guest = Visitor(mailing.client)
    page = guest.get(link_in(letter, "/join"))
    page = guest.send(page, "/join", username="newcomer", email="new@example.org", new_password=PASSWORD)
    assert guest.send(page, "/organizations/lab/join").status == 200
    lab = mailing.hub.directory.get_org("lab")
    assert mailing.hub.directory.members.role(lab.id, mailing.hub.directory.get_user("newcomer").id) is Role.WRITE
    assert "new@example.org" not in chief.get(MEMBERS).text, "it is used up"


def test_u3_who_is_invited_by_name_is_written_if_they_can_be(mailing: LocalHub, box: Letterbox, chief: Visitor) -> None:
    bob = person(mailing, "bob")
    mailing.hub.directory.create_user("silent", password=PASSWORD)
    assert (invite(chief, "bob"), invite(chief, "silent")) == (200, 200)
    mailing.hub.directory.suspend(bob)
    deliver(mailing.hub)
    assert box.letters == [], "nobody who is suspended when it is sent"
    mailing.hub.directory.reinstate(bob)
    invite(chief, "bob")
    deliver(mailing.hub)
    assert link_in(box.to("bob@example.org")[0], "/settings/organizations") == "/settings/organizations"


def test_u3_a_suspended_person_is_not_written_at_their_address_either(
    mailing: LocalHub, box: Letterbox, chief: Visitor
) -> None:
    mailing.hub.directory.suspend(person(mailing, "bob"))
    assert invite(chief, "Bob@example.org") == 200
    assert invite(chief, "no address@") == 422
    deliver(mailing.hub)
    assert box.letters == []


def test_u3_a_withdrawn_invitation_is_not_sent(mailing: LocalHub, box: Letterbox, chief: Visitor) -> None:
    invite(chief, "new@example.org")
    with mailing.hub.database.read() as connection:
        id_ = connection.execute(schema.org_invitations.select()).one().id
    chief.send(chief.get(MEMBERS), f"/organizations/lab/settings/invitations/{id_}/revoke")
    deliver(mailing.hub)
    assert box.letters == []


def test_u3_on_a_hub_by_invitation_only_its_administrators_open_it(
    sqlite_template: SqliteTemplate, tmp_path: Path, box: Letterbox
) -> None:
    hub = LocalHub(replace(sqlite_template.config(tmp_path / "closed"), sign_up="invite", **box.settings))
    directory = hub.hub.directory
    for name, is_admin in (("root-1", True), ("ada", False)):
        made = directory.create_user(name, password=PASSWORD, is_admin=is_admin)
        org = directory.create_org(f"of-{name}")
        directory.members.add(org, made, Role.ADMIN)
        visitor = Visitor(hub.client)
        visitor.sign_in(name)
        members = f"/organizations/{org.name}/settings/members"
        visitor.send(visitor.get(members), f"{members}/invite", user=f"{name}@new.example", role="read", days="7")
    deliver(hub.hub)
    assert Visitor(hub.client).get(link_in(box.to("root-1@new.example")[0], "/join")).status == 200
    assert "/organizations/of-ada/join" in link_in(box.to("ada@new.example")[0], "/organizations")
    hub.close()


def test_what_happened_long_ago_is_not_written_of(mailing: LocalHub, box: Letterbox) -> None:
    mailing.hub.directory.create_user("ada", email=ADA)
    with mailing.hub.database.write() as connection:
        connection.execute(schema.events.update().values(at=now_ms() - letters.OLD_MS - 1000))
    deliver(mailing.hub)
    assert box.letters == []


# --- what is sent -----------------------------------------------------------------------------------------------------

NOTIFICATIONS = "/settings/notifications"


def ticked(page: Answer) -> int:
    return len(re.findall(r'value="[a-z]+:[^"]+" checked', page.text))


def test_t6_the_matrix_has_a_column_of_mail(mailing: LocalHub, ada: Account) -> None:
    visitor = Visitor(mailing.client)
    visitor.sign_in("ada")
    page = visitor.get(NOTIFICATIONS)
    assert page.text.count('name="mail" value=') == page.text.count('name="tell" value=') == 9
    fields = {"csrf": visitor.csrf, "tell": "watching:discussion.create", "mail": "mention:discussion.create"}
    page = visitor.post(NOTIFICATIONS, {**fields, "frequency": "daily"})
    assert 'name="mail" value="mention:discussion.create" checked' in page.text
    assert ticked(page) == 2
    assert '<option value="daily" selected' in page.text
    assert visitor.post(NOTIFICATIONS, {**fields, "frequency": "hourly"}).status == 400
    visitor.post(NOTIFICATIONS, {"csrf": visitor.csrf})
    assert ticked(visitor.get(NOTIFICATIONS)) == 1, "a form without mail leaves mail as it is"


def test_t6_who_did_not_prove_an_address_is_told_so(mailing: LocalHub, local: LocalHub) -> None:
    for hub, told in ((mailing, "Nothing is sent to you until"), (local, "This hub sends no mail.")):
        hub.hub.directory.create_user("ada", email=ADA, password=PASSWORD)
        visitor = Visitor(hub.client)
        visitor.sign_in("ada")
        assert told in visitor.get(NOTIFICATIONS).text
    assert 'name="mail"' not in visitor.get(NOTIFICATIONS).text


def test_n1_one_click_ends_letters_without_signing_in_and_looking_does_not(mailing: LocalHub, ada: Account) -> None:
    database = mailing.hub.database
    link = f"/notifications/unsubscribe?key={mail_choices.key(database, ada.id)}"
    visitor = Visitor(mailing.client)
    page = visitor.get(link)
    assert "ada" in page.text
    assert mail_choices.frequency(database, ada.id) is Frequency.IMMEDIATE
    # As a mail program does it: from elsewhere, with nothing but the address.
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = mailing.client.post(link, body=b"List-Unsubscribe=One-Click", headers=headers)
    assert answer.status == 200
    assert mail_choices.frequency(database, ada.id) is Frequency.OFF
    mail_choices.choose(database, ada.id, Frequency.DAILY)
    assert "No such mail any more" in visitor.send(visitor.get(link), link).text
    assert mail_choices.frequency(database, ada.id) is Frequency.OFF
    for wrong in ("/notifications/unsubscribe", link + "x", link[:-1]):
        assert visitor.get(wrong).status == 410
        assert mailing.client.post(wrong, body=b"", headers=headers).status == 403


def test_s1_how_often_who_decides_is_written_is_chosen_on_the_page_of_the_gate(
    mailing: LocalHub, local: LocalHub, ada: Account
) -> None:
    def gate(hub: LocalHub, user: Account) -> Visitor:
        token = hub.hub.directory.tokens.create(user)[0]
        hub.create_repo(User(user.id, user.name, token), f"{user.name}/words")
        hub.client.put(f"/api/models/{user.name}/words/settings", token=token, json={"gated": "manual"})
        visitor = Visitor(hub.client)
        visitor.sign_in(user.name)
        return visitor

    visitor, here = gate(mailing, ada), "/ada/words/settings/gate"
    page = visitor.send(visitor.get(here), f"{here}/mail", frequency="daily")
    assert "Saved." in page.text
    assert '<option value="daily" selected' in visitor.get(here).text
    assert visitor.post(f"{here}/mail", {"csrf": visitor.csrf, "frequency": "x"}).status == 400
    bob = local.hub.directory.create_user("bob", password=PASSWORD)
    assert "This hub sends no mail" in gate(local, bob).get("/bob/words/settings/gate").text
