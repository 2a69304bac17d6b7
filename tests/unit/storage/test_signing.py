"""Signed addresses are those of AWS's own example, and bind what they have to bind."""

from urllib.parse import parse_qs, urlsplit

import pytest

from pioche.storage.blobs.signing import Signer

# 2013-05-24 00:00:00 UTC
SIGNER = Signer(
    "https://s3.amazonaws.com",
    "examplebucket",
    "us-east-1",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    path_style=False,
    clock=lambda: 1369353600.0,
)


def test_the_example_of_the_documentation() -> None:
    """docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""
    url = SIGNER.url("GET", "test.txt", seconds=86400)
    assert url.startswith("https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert url.endswith("X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


def test_what_is_bound_is_named_and_changes_the_signature() -> None:
    plain = SIGNER.url("GET", "a", seconds=1)
    others = [
        SIGNER.url("PUT", "a", seconds=1),
        SIGNER.url("GET", "b", seconds=1),
        SIGNER.url("GET", "a", seconds=2),
        SIGNER.url("GET", "a", seconds=1, headers={"range": "bytes=0-1"}),
        SIGNER.url("GET", "a", seconds=1, headers={"range": "bytes=0-2"}),
        SIGNER.url("GET", "a", seconds=1, query={"response-content-type": "text/plain"}),
    ]
    signatures = {parse_qs(urlsplit(url).query)["X-Amz-Signature"][0] for url in [plain, *others]}
    assert len(signatures) == 1 + len(others)
    assert parse_qs(urlsplit(others[3]).query)["X-Amz-SignedHeaders"] == ["host;range"]


def test_the_secret_is_not_shown() -> None:
    assert SIGNER.secret_key not in repr(SIGNER)
    assert SIGNER.secret_key not in SIGNER.url("GET", "a", seconds=1)


@pytest.mark.parametrize("path_style", [True, False])
def test_where_the_bucket_stands(path_style: bool) -> None:
    signer = Signer("http://store:9000", "hub", "r", "k", "s", path_style=path_style)
    expected = "http://store:9000/hub/p/a%20b?" if path_style else "http://hub.store:9000/p/a%20b?"
    assert signer.url("GET", "p/a b", seconds=1).startswith(expected)
