import pytest
from hypothesis import given
from hypothesis import strategies as st

from pioche.errors import BadRequest
from pioche.git import wire
from pioche.git.snapshot import Ref
from pioche.git.wire import Command, Commands, Mark, Report
from pioche.names import NULL_OID, Oid

A, B = Oid("a" * 40), Oid("b" * 40)
MAIN, TAG = Ref("refs/heads/main", A), Ref("refs/tags/v1", B, A)
HEAD = "refs/heads/main"


def test_packets_round_trip() -> None:
    data = wire.packet("hello\n") + wire.FLUSH + wire.DELIMITER + wire.packet(b"")
    assert data.startswith(b"000ahello\n")
    assert list(wire.packets(data)) == [b"hello\n", Mark.FLUSH, Mark.DELIMITER, b""]


@pytest.mark.parametrize("data", [b"0003", b"zzzz", b"fff1" + b"x" * 70000, b"+010abc", b"000", b"0010abc", b"-001"])
def test_d_git_packets_that_are_none(data: bytes) -> None:
    with pytest.raises(BadRequest):
        list(wire.packets(data))


@given(st.binary(max_size=200))
def test_d_git_no_bytes_upset_the_readers(data: bytes) -> None:
    for read in (wire.parse_request, lambda raw: wire.parse_commands([raw]), lambda raw: list(wire.packets(raw))):
        try:
            read(data)  # type: ignore[operator]
        except BadRequest:
            continue


@pytest.mark.parametrize(
    ("header", "version"), [("", 0), ("version=2", 2), ("version=1", 1), ("x=1:version=2", 2), ("version=9", 0)]
)
def test_the_protocol_version(header: str, version: int) -> None:
    assert wire.protocol_version(header) == version


def test_the_advertisement_of_version_0() -> None:
    found = list(wire.packets(wire.advertise_upload([TAG, MAIN], HEAD, 0)))
    assert found[:2] == [b"# service=git-upload-pack\n", Mark.FLUSH]
    assert isinstance(found[2], bytes)
    assert found[2].startswith(f"{A} HEAD\0multi_ack ".encode())
    assert b" symref=HEAD:refs/heads/main " in found[2]
    assert found[3:] == [
        f"{A} refs/heads/main\n".encode(),
        f"{B} refs/tags/v1\n".encode(),
        f"{A} refs/tags/v1^{{}}\n".encode(),
        Mark.FLUSH,
    ]


def test_the_advertisement_of_nothing() -> None:
    for advertised in (wire.advertise_upload([], HEAD, 1), wire.advertise_receive([])):
        assert f"{NULL_OID} capabilities^{{}}\0".encode() in advertised


def test_refs_of_version_2() -> None:
    asked = wire.parse_request(
        wire.packet("command=ls-refs\n")
        + wire.DELIMITER
        + wire.packet("peel\n")
        + wire.packet("symrefs\n")
        + wire.FLUSH
    )
    assert asked
    assert list(wire.packets(wire.ls_refs(asked, [TAG, MAIN], HEAD))) == [
        f"{A} HEAD symref-target:refs/heads/main\n".encode(),
        f"{A} refs/heads/main\n".encode(),
        f"{B} refs/tags/v1 peeled:{A}\n".encode(),
        Mark.FLUSH,
    ]


def test_refs_by_prefix_and_the_unborn_head() -> None:
    asked = wire.Request("ls-refs", (), ("symrefs", "unborn", "ref-prefix HEAD", "ref-prefix refs/tags/"))
    assert wire.ls_refs(asked, [TAG], HEAD) == b"".join(
        [wire.packet("unborn HEAD symref-target:refs/heads/main\n"), wire.packet(f"{B} refs/tags/v1\n"), wire.FLUSH]
    )


def test_an_empty_request_and_a_nameless_one() -> None:
    assert wire.parse_request(b"0000") is None
    assert wire.parse_request(b"") is None
    with pytest.raises(BadRequest, match="command="):
        wire.parse_request(wire.packet("want x"))


def test_wants_are_object_ids() -> None:
    request = wire.Request("fetch", (), (f"want {A}", "have x", "want --upload-pack=x"))
    with pytest.raises(BadRequest):
        _ = request.wants
    with pytest.raises(BadRequest):
        _ = wire.Request("fetch", (), ("want \udce2" + A[1:],)).wants


def test_commands() -> None:
    parsed = wire.parse_commands(
        [
            f"shallow {B}".encode(),
            f"{NULL_OID} {A} refs/heads/é\0report-status atomic\n".encode(),
            f"{A} {NULL_OID} refs/x".encode(),
        ]
    )
    assert parsed.commands == (Command("refs/heads/é", NULL_OID, A), Command("refs/x", A, NULL_OID))
    assert parsed.capabilities == {"report-status", "atomic"}
    assert parsed.has_pack
    assert not Commands(parsed.commands[1:], frozenset()).has_pack


@pytest.mark.parametrize(
    "lines",
    [
        [b""],
        [b"x y refs/heads/main"],
        [f"{A} {B} ".encode()],
        [f"{A.upper()} {B} refs/x".encode()],
        [f"{NULL_OID} {NULL_OID} refs/x".encode()],
        [f"{A} {B} refs/x".encode()] * 2,
        [f"{A} {B} refs/x\0object-format=sha256".encode()],
        [b"push-cert\0x"],
        [b"shallow x"],
    ],
)
def test_d_git_commands_that_are_none(lines: list[bytes]) -> None:
    with pytest.raises(BadRequest):
        wire.parse_commands(lines)


def test_the_report_in_bands() -> None:
    commands = Commands(
        (Command("refs/heads/a", A, B), Command("refs/heads/b", A, B)), frozenset({"report-status", "side-band-64k"})
    )
    report = Report(refused={"refs/heads/b": "no\x1b[31m"}, messages=("Sorry", "bad\x07"))
    found = list(wire.packets(wire.render_report(commands, report)))
    assert found[0] == b"\x02Sorry\nbad?\n"
    assert isinstance(found[1], bytes)
    assert list(wire.packets(found[1][1:])) == [
        b"unpack ok\n", b"ok refs/heads/a\n", b"ng refs/heads/b no?[31m\n", Mark.FLUSH
    ]  # fmt: skip
    assert found[2] is Mark.FLUSH


def test_the_report_for_clients_that_know_less() -> None:
    commands = (Command("refs/heads/a", A, B),)
    plain = wire.render_report(Commands(commands, frozenset({"report-status"})), Report(unpack="broken"))
    assert next(iter(wire.packets(plain))) == b"unpack broken\n"
    assert wire.render_report(Commands(commands, frozenset()), Report()) == b""


def test_long_text_is_cut_into_bands() -> None:
    parts = list(wire.packets(b"".join(wire.band(1, b"x" * 200_000))))
    assert b"".join(part[1:] for part in parts if isinstance(part, bytes)) == b"x" * 200_000
    assert max(len(part) for part in parts if isinstance(part, bytes)) <= 65516
