"""F-UPLOAD: what people send as a picture is written anew, bounded, inert, and seen by those who may (reliability.md F)."""

from collections.abc import Iterator

import pytest

from pioche.accounts.callers import Caller
from pioche.http.browsers import csrf_token
from tests.asgi import Answer
from tests.inside import Inside, assert_refused
from tests.pictures import announced, bomb, opened, picture, telling

DOORS = ("/settings/profile/picture", "/organizations/lab/settings/picture", "/ada/open/settings/picture", "/uploads")
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"
BOUNDARY = "----aBoundaryOfTheTest"


@pytest.fixture
def ada(inside: Inside) -> Iterator[Caller]:
    made = inside.user("ada")
    inside.org("lab", {made: "admin"})
    inside.repo(made, "ada/open")
    yield made
    inside.hub.renderer.close()


def send(
    inside: Inside, who: Caller, door: str, data: bytes, *, name: str = "x.png", kind: str = "image/png"
) -> Answer:
    """As the pages send it, from a browser."""
    cookie = inside.cookie(who)
    secret = cookie["cookie"].partition("=")[2]
    headers = {**cookie, "origin": "http://localhost:8000", "x-csrf-token": csrf_token(secret), "content-type": kind}
    if door == "/uploads":
        return inside.client.post(door, body=data, headers=headers)
    about = f'Content-Disposition: form-data; name="picture"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
    body = b"".join((f"--{BOUNDARY}\r\n{about}".encode(), data, f"\r\n--{BOUNDARY}--\r\n".encode()))
    headers["content-type"] = f"multipart/form-data; boundary={BOUNDARY}"
    return inside.client.post(door, body=body, headers=headers)


def shown(inside: Inside, who: Caller, door: str, sent: Answer) -> Answer:
    """The picture, as others are sent it."""
    address = {
        DOORS[0]: inside.hub.avatars.url("ada"),
        DOORS[1]: inside.hub.avatars.url("lab"),
        DOORS[2]: "/api/models/ada/open/social.png",
        DOORS[3]: sent.text.removeprefix("http://localhost:8000"),
    }[door]
    return inside.client.get(address, token=inside.token(who))


@pytest.mark.parametrize("door", DOORS)
def test_f_upload_a_photograph_loses_what_it_tells(inside: Inside, ada: Caller, door: str) -> None:
    sent = send(inside, ada, door, telling(b"52.5200N 13.4050E"), name="../../IMG.svg", kind="image/svg+xml")
    assert sent.status in (200, 303), sent.text
    answer = shown(inside, ada, door, sent)
    assert answer.status == 200
    assert b"52.5200N" not in answer.body
    image = opened(answer.body)
    assert image.format in ("PNG", "WEBP")
    assert answer.headers["content-type"] == f"image/{image.format.lower()}", "what it is, whatever it was called"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert not dict(image.getexif())


@pytest.mark.parametrize("door", DOORS)
def test_f_upload_what_is_no_bearable_picture_is_refused(inside: Inside, ada: Caller, door: str) -> None:
    for data in (
        SVG,
        b"",
        b"<!doctype html><script>",
        b"\x89PNG\r\n\x1a\n",
        announced(60_000, 60_000),
        picture(400, 400)[:-300],
    ):
        answer = send(inside, ada, door, data)
        if door == "/uploads":
            assert_refused(answer, statuses=(413, 415, 422))
        else:
            assert (answer.status, "field-error" in answer.text) == (422, True)
    too_long = send(inside, ada, door, b"\x89PNG\r\n\x1a\n" + b"\0" * (12 * 2**20))
    assert too_long.status == 413
    assert inside.hub.avatars.url("ada") == "/avatars/ada.svg"


def test_f_upload_bombs_cost_a_worker_and_the_next_picture_is_taken(inside: Inside, ada: Caller) -> None:
    for data in (bomb(7000), announced(7000, 7000)):
        assert send(inside, ada, "/uploads", data).status in (200, 413, 422)
    assert send(inside, ada, "/uploads", picture()).status == 200


def test_f_upload_a_picture_with_a_page_behind_it_goes_out_without_it(inside: Inside, ada: Caller) -> None:
    sent = send(inside, ada, "/uploads", picture() + SVG, kind="text/html")
    answer = shown(inside, ada, "/uploads", sent)
    assert b"<script" not in answer.body


def test_f_upload_only_who_may_chooses_a_picture(inside: Inside, ada: Caller) -> None:
    bob = inside.user("bob")
    assert send(inside, bob, DOORS[1], picture()).status == 403
    assert send(inside, bob, DOORS[2], picture()).status == 403
    secret = inside.repo(ada, "ada/secret", private=True)
    assert secret.private
    absent, private = (send(inside, bob, f"/ada/{name}/settings/picture", picture()) for name in ("absent", "secret"))
    assert absent.status == private.status == 404
    foreign = inside.client.post(
        "/uploads", body=picture(), headers={**inside.cookie(ada), "origin": "https://evil.example"}
    )
    assert foreign.status == 403
    assert inside.client.post("/uploads", body=picture()).status == 401
    assert inside.client.post("/uploads", token=inside.token(ada, "read"), body=picture()).status == 403
    assert inside.hub.avatars.url("lab") == "/avatars/lab.svg"


def test_f_upload_a_repo_that_becomes_private_takes_its_pictures_along(inside: Inside, ada: Caller) -> None:
    token = inside.token(ada)
    path = send(inside, ada, "/uploads", picture()).text.removeprefix("http://localhost:8000")
    talk = {"title": "Look at this", "description": f"![it]({path})"}
    assert inside.client.post("/api/models/ada/open/discussions", token=token, json=talk).status == 200
    for address in (path, "/api/models/ada/open/social.png"):
        assert inside.client.get(address).status == 200
    inside.client.request("PUT", "/api/models/ada/open/settings", token=token, json={"private": True})
    for address in (path, "/api/models/ada/open/social.png"):
        assert inside.client.get(address).status in (401, 404)
        assert inside.client.get(address, token=token).status == 200
