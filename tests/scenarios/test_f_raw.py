"""F-RAW: whatever a file holds, no browser runs it on the hub's origin (reliability.md section F)."""

import pytest

from tests.local import LocalHub, User

PAYLOAD = b"<html><svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg></html>"
ACTIVE = [
    "html",
    "htm",
    "svg",
    "xml",
    "xhtml",
    "js",
    "mjs",
    "pdf",
    "swf",
    "mhtml",
    "mht",
    "wasm",
    "unknown",
    "HTML",
    "css",
]
HARMLESS = ("text/plain; charset=utf-8", "application/octet-stream")


@pytest.fixture
def ada(local: LocalHub) -> User:
    user = local.user("ada")
    local.create_repo(user, "ada/model")
    return user


@pytest.mark.parametrize("size", ["regular", "large"])
def test_f_raw_nothing_active_leaves_as_itself(local: LocalHub, ada: User, size: str) -> None:
    names = [f"page.{suffix}" for suffix in ACTIVE] + ["index", "x.png.html", "x.html."]
    files = {name: PAYLOAD + name.encode() for name in names}
    local.commit(ada, "ada/model", files if size == "regular" else None, large=files if size == "large" else None)
    for name in names:
        for kind in ("resolve", "raw"):
            answer = local.client.get(f"/ada/model/{kind}/main/{name}")
            assert answer.status == 200
            assert answer.headers["content-type"] in HARMLESS, name
            assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "image/png"),
        ("a.JPG", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.mp3", "audio/mpeg"),
        ("a.mp4", "video/mp4"),
    ],
)
def test_f_raw_a_polyglot_image_is_shown_as_an_image_in_a_sandbox(
    local: LocalHub, ada: User, name: str, kind: str
) -> None:
    local.commit(ada, "ada/model", large={name: b"GIF89a/*" + PAYLOAD})
    answer = local.client.get(f"/ada/model/resolve/main/{name}")
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "encoded", "plain"),
    [
        ("a b.txt", "a%20b.txt", "a b.txt"),
        ('a"b.txt', "a%22b.txt", "a_b.txt"),
        ("a;b=c.txt", "a%3Bb%3Dc.txt", "a_b_c.txt"),
        ("modèle–1.txt", "mod%C3%A8le%E2%80%931.txt", "mod_le_1.txt"),
        ("模型.txt", "%E6%A8%A1%E5%9E%8B.txt", "__.txt"),
        ("100%.txt", "100%25.txt", "100_.txt"),
        ("'x'.txt", "%27x%27.txt", "_x_.txt"),
    ],
)
def test_f_raw_hostile_names_stay_inside_the_disposition(
    local: LocalHub, ada: User, name: str, encoded: str, plain: str
) -> None:
    local.commit(ada, "ada/model", {f"dir/{name}": b"x"})
    answer = local.client.get(f"/ada/model/resolve/main/dir/{encoded}")
    expected = f"filename*=UTF-8''{encoded}; filename=\"{plain}\";"
    assert answer.headers["content-disposition"] == f"inline; {expected}"
    saved = local.client.get(f"/ada/model/resolve/main/dir/{encoded}?download=true")
    assert saved.headers["content-disposition"] == f"attachment; {expected}"


def test_f_raw_refusals_are_plain_text_too(local: LocalHub, ada: User) -> None:
    answer = local.client.get("/ada/model/resolve/%3Cscript%3Ealert(1)%3C%2Fscript%3E/x.html")
    assert answer.status == 404
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_f_raw_lfs_addresses_are_for_saving(local: LocalHub, ada: User) -> None:
    from tests.lfs_client import batch, follow, one, upload

    oid = upload(local, ada, PAYLOAD)
    answer = follow(local, one(batch(local, ada, "download", (oid, len(PAYLOAD))))["actions"]["download"], "GET")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
