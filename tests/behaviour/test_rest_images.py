"""Pictures over the API and behind it, over both databases: where they are, who may see them, when they go."""

import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from pioche.accounts import renaming
from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.db import schema
from pioche.errors import TooManyRequests
from pioche.git.store import GitStore
from pioche.repos import images
from pioche.storage import images as stored
from pioche.storage.blobs import blob_key
from pioche.storage.images import Use
from pioche.upkeep.collection.options import Options
from pioche.upkeep.collection.run import Collector
from pioche.upkeep.fsck import contents as fsck_contents
from pioche.upkeep.fsck.scene import Scene
from pioche.upkeep.tidying import SweepImages
from tests.inside import Inside
from tests.pictures import HALVES, is_near, opened, picture

RED, BLUE = HALVES


@pytest.fixture
def inside(config: Config) -> Iterator[Inside]:
    with Inside(config) as made:
        yield made
        made.hub.renderer.close()


def caller(inside: Inside, who: str) -> Caller:
    return Caller(inside.accounts[who].id, who, may_write=True, is_admin=False)


def token_of(inside: Inside, who: str) -> str:
    return inside.token(caller(inside, who))


def send(inside: Inside, who: str, data: bytes) -> str:
    """The path of a picture that somebody sent."""
    answer = inside.client.post("/uploads", token=token_of(inside, who), body=data)
    assert answer.status == 200, answer.text
    assert answer.text.startswith("http://localhost:8000/uploads/")
    return answer.text.removeprefix("http://localhost:8000")


def discuss(inside: Inside, who: str, repo: str, text: str) -> int:
    body = {"title": "A question", "description": text}
    token = token_of(inside, who)
    answer = inside.client.post(f"/api/models/{repo}/discussions", token=token, json=body)
    assert answer.status == 200, answer.text
    return int(answer.json()["num"])


def sees(inside: Inside, who: str | None, path: str) -> bool:
    answer = inside.client.get(path, token=None if who is None else token_of(inside, who))
    assert answer.status in (200, 404)
    return answer.status == 200


# --- avatars --------------------------------------------------------------------------------------------------------


def test_an_avatar_is_where_its_account_says(inside: Inside) -> None:
    ada, client, hub = inside.user("ada"), inside.client, inside.hub
    assert client.get("/api/avatars/ada").json() == {"avatarUrl": "/avatars/ada.svg"}
    assert client.get("/api/avatars/nobody").status == 404
    images.set_avatar(hub.contents, hub.renderer, ada.user_id, picture())
    hub.avatars.flush()
    address = client.get("/api/avatars/ADA").json()["avatarUrl"]
    assert client.get("/api/users/ada/avatar").json() == {"avatarUrl": address}
    assert client.get("/api/users/ada/avatar?redirect=1").headers["location"] == address
    assert client.get("/avatars/ada.svg").headers["location"] == address, (
        "what clients were told before leads there too"
    )
    answer = client.get(address)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/webp")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert opened(answer.body).size == (512, 512)
    assert client.get(address.replace("webp", "png")).status == 404
    assert client.get(f"/avatars/{'0' * 64}.webp").status == 404
    stored.forget(hub.database, Use.AVATAR, ada.user_id)
    hub.avatars.flush()
    assert hub.avatars.url("ada") == "/avatars/ada.svg"
    assert client.get(address).status == 404


def test_another_avatar_takes_the_place_of_the_first(inside: Inside) -> None:
    ada, hub = inside.user("ada"), inside.hub
    seen = set[str]()
    for seed in range(3):
        images.set_avatar(hub.contents, hub.renderer, ada.user_id, picture(64, 64 + seed))
        hub.avatars.flush()
        seen.add(hub.avatars.url("ada"))
    assert len(seen) == 3
    with hub.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.images)).scalar_one() == 1


def test_a_picture_follows_its_account_to_another_name(inside: Inside) -> None:
    ada, hub = inside.user("ada"), inside.hub
    images.set_avatar(hub.contents, hub.renderer, ada.user_id, picture())
    hub.avatars.flush()
    address = hub.avatars.url("ada")
    renaming.rename(hub.database, inside.accounts["ada"], "augusta")
    hub.avatars.flush()
    assert (hub.avatars.url("augusta"), hub.avatars.picture("ada")) == (address, None)


# --- in comments ----------------------------------------------------------------------------------------------------


def test_a_picture_is_its_senders_until_a_comment_has_it(inside: Inside) -> None:
    for name in ("ada", "bob"):
        inside.user(name)
    inside.repo(caller(inside, "ada"), "ada/open")
    path = send(inside, "ada", picture())
    assert sees(inside, "ada", path)
    assert not sees(inside, "bob", path)
    assert not sees(inside, None, path)
    discuss(inside, "ada", "ada/open", f"See ![this]({path})")
    assert sees(inside, None, path)
    answer = inside.client.get(path)
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert is_near(opened(answer.body), (70, 20), BLUE)
    again = inside.client.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert again.status == 304


def test_of_a_private_repo_only_who_may_open_it_sees_the_pictures(inside: Inside) -> None:
    ada = inside.user("ada")
    inside.user("bob")
    inside.repo(ada, "ada/secret", private=True)
    inside.repo(ada, "ada/open")
    path = send(inside, "ada", picture())
    discuss(inside, "ada", "ada/secret", path)
    assert sees(inside, "ada", path)
    assert not sees(inside, "bob", path)
    discuss(inside, "bob", "ada/open", f"![a guess]({path})")
    assert not sees(inside, "bob", path), "who knows an address has not shown that the picture is theirs"
    refused = inside.client.get(path, token=token_of(inside, "bob"))
    absent = inside.client.get("/uploads/" + "0" * 24 + ".png", token=token_of(inside, "bob"))
    assert (refused.status, refused.body) == (absent.status, absent.body)


def test_an_edit_brings_a_picture_into_its_thread(inside: Inside) -> None:
    ada = inside.user("ada")
    inside.repo(ada, "ada/open")
    number = discuss(inside, "ada", "ada/open", "no picture yet")
    token, path = inside.token(ada), send(inside, "ada", picture())
    said = inside.client.post(f"/api/models/ada/open/discussions/{number}/comment", token=token, json={"comment": "x"})
    uid = said.json()["newMessage"]["id"]
    where = f"/api/models/ada/open/discussions/{number}/comment/{uid}/edit"
    assert inside.client.post(where, token=token, json={"content": f"![now]({path})"}).status == 200
    assert sees(inside, None, path)


def test_pictures_that_are_in_no_thread_are_forgotten_after_a_day(
    inside: Inside, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = inside.user("ada")
    inside.repo(ada, "ada/open")
    used, unused = send(inside, "ada", picture(seed=1)), send(inside, "ada", picture(seed=2))
    number = discuss(inside, "ada", "ada/open", used)
    job = SweepImages(inside.hub.database)
    job.run("", {})
    assert sees(inside, "ada", unused), "a day has not gone by"
    key = blob_of(inside, unused)
    later(monkeypatch, days=2)
    job.run("", {})
    assert sees(inside, "ada", used)
    assert not sees(inside, "ada", unused)
    collect(inside, config)
    assert inside.hub.blobs.size(key) is None
    assert inside.hub.blobs.size(blob_of(inside, used)) is not None
    token = inside.token(ada)
    assert inside.client.request("DELETE", f"/api/models/ada/open/discussions/{number}", token=token).status == 200
    job.run("", {})
    assert not sees(inside, "ada", used), "nor after its thread was deleted"


def test_nobody_sends_pictures_without_end(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, hub = inside.user("ada"), inside.hub
    monkeypatch.setattr(images, "UNUSED_MAX", 1)
    send(inside, "ada", picture())
    with pytest.raises(TooManyRequests):
        images.attach(hub.access, hub.renderer, ada, picture())


# --- of repos -------------------------------------------------------------------------------------------------------


def test_a_repo_is_shown_by_a_poster_or_by_what_its_owners_chose(inside: Inside) -> None:
    ada, hub, client = inside.user("ada"), inside.hub, inside.client
    repo, secret = inside.repo(ada, "ada/open"), inside.repo(ada, "ada/secret", private=True)
    drawn = client.get("/api/models/ada/open/social.png")
    assert (drawn.status, drawn.headers["content-type"]) == (200, "image/png")
    assert drawn.headers["cache-control"] == "public, max-age=300"
    assert opened(drawn.body).size == (1200, 630)
    assert client.get("/api/models/ada/secret/social.png").status == 401
    mine = client.get("/api/models/ada/secret/social.png", token=inside.token(ada))
    assert (mine.status, mine.headers["cache-control"]) == (200, "private, no-store")
    for one in (repo, secret):
        images.set_social(one, ada, hub.renderer, picture(300, 100))
    chosen = client.get("/api/models/ada/open/social.png")
    assert is_near(opened(chosen.body), (20, 300), RED)
    assert client.get("/api/models/ada/secret/social.png").status == 401
    images.forget_social(repo, ada)
    assert client.get("/api/models/ada/open/social.png").body == drawn.body


# --- what keeps them ------------------------------------------------------------------------------------------------


def test_collection_and_fsck_know_of_pictures(inside: Inside, config: Config) -> None:
    ada, hub = inside.user("ada"), inside.hub
    images.set_avatar(hub.contents, hub.renderer, ada.user_id, picture())
    shown = stored.avatar_of(hub.database, ada.user_id)
    assert shown is not None
    key = blob_key(shown.content.sha256)
    collect(inside, config)
    assert hub.blobs.size(key) == shown.content.size
    scene = Scene(config, hub.database, hub.blobs)
    assert not list(fsck_contents.rows(scene))
    assert not list(fsck_contents.one(scene, shown.content.sha256))
    with hub.database.write() as connection:
        connection.execute(schema.accounts.delete().where(schema.accounts.c.id == ada.user_id))
    assert stored.avatar_of(hub.database, ada.user_id) is None, "removing the account removes its picture"
    collect(inside, config)
    assert hub.blobs.size(key) is None


def blob_of(inside: Inside, path: str) -> str:
    found = stored.attachment(inside.hub.database, path.removeprefix("/uploads/").partition(".")[0])
    assert found is not None
    return blob_key(found.content.sha256)


def collect(inside: Inside, config: Config) -> None:
    hub = inside.hub
    report = Collector(config, hub.database, hub.blobs, GitStore(config.data_dir / "git")).run(Options(now=True))
    assert not report.skipped


def later(monkeypatch: pytest.MonkeyPatch, *, days: int) -> None:
    """The clock goes on by so much."""
    now = int(time.time() * 1000) + days * 86_400_000
    monkeypatch.setattr("pioche.storage.images.now_ms", lambda: now)
