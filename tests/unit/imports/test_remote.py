"""What another git server may answer, good and bad."""

from collections.abc import Iterator

import pytest

from pioche.errors import Unreachable
from pioche.git.wire import FLUSH, packet
from pioche.imports import remote
from pioche.imports.remote import RemoteRef, SourceRefused
from pioche.names import Oid

A, B = Oid("a" * 40), Oid("b" * 40)


def pieces(data: bytes, size: int = 7) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def test_a_pack_is_what_stands_on_band_one() -> None:
    answer = b"".join(
        [packet("packfile\n"), packet(b"\x02counting\n"), packet(b"\x01PA"), packet(b"\x01"), packet(b"\x01CK"), FLUSH]
    )
    assert b"".join(remote._pack(remote._packets(pieces(answer)))) == b"PACK"
    assert b"".join(remote._pack(remote._packets(pieces(packet("NAK\n") + packet(b"\x01PACK") + FLUSH)))) == b"PACK"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (packet("ERR upload-pack: not our ref"), "not our ref"),
        (packet("packfile\n") + packet(b"\x03out of\x1b[2Jmemory"), "out of"),
        (b"<html>", "not git's protocol"),
        (packet("packfile\n")[:-2], "broke off"),
        (FLUSH, "sent no pack"),
    ],
)
def test_what_is_no_pack_is_said(answer: bytes, words: str) -> None:
    with pytest.raises(SourceRefused, match=words) as refused:
        list(remote._pack(remote._packets(pieces(answer))))
    assert refused.value.message.isprintable()


def test_the_old_advertisement() -> None:
    lines = [
        f"{A} HEAD\0side-band-64k symref=HEAD:refs/heads/dev agent=git/1.8".encode(),
        f"{A} refs/heads/dev".encode(),
        f"{B} refs/pull/1/head".encode(),
        f"{B} refs/tags/v1".encode(),
        f"{A} refs/tags/v1^{{}}".encode(),
    ]
    found = remote._of_first_version(lines)
    assert (found.head, found.version) == ("refs/heads/dev", 0)
    assert found.refs == (RemoteRef("refs/heads/dev", A), RemoteRef("refs/tags/v1", B))
    with pytest.raises(SourceRefused, match="too old"):
        remote._of_first_version([f"{A} HEAD\0multi_ack".encode()])
    with pytest.raises(SourceRefused, match="sha1"):
        remote._of_first_version([b"c" * 64 + b" refs/heads/main"])


def test_statuses_say_what_to_do() -> None:
    for status, has_token, words in ((401, True, "does not accept"), (404, False, "give a token"), (302, True, "302")):
        with pytest.raises(SourceRefused, match=words):
            remote.refuse(status, "", has_token=has_token)
    for status in (429, 500, 503):
        with pytest.raises(Unreachable):
            remote.refuse(status, "", has_token=False)
