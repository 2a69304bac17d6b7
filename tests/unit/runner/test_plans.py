"""How a command is run at each level."""

from pathlib import Path

from pioche.runner.plans import Place, job
from pioche.runner.spec import Level, Limits, Spec

_SPEC = Spec(
    command=("serve", "/model/weights", "/sockets/http", "/models", "--scratch", "/scratch", "model"),
    read_only={Path("/data/a"): Path("/model")},
    socket_dir=Path("/data/sockets"),
    environment={"MODEL": "/model", "HOME": "/elsewhere"},
    limits=Limits(memory_bytes=100, processes=5, cpus=(0,)),
)
_PLACE = Place(Path("/data/runs/abc"), user=123, bwrap="/usr/bin/bwrap")


def test_paths_inside_are_rewritten_where_there_is_no_file_system_of_its_own() -> None:
    orders = job(_SPEC, Level.FILTERS, _PLACE).orders
    assert orders["command"] == (
        "serve", "/data/a/weights", "/data/sockets/http", "/models", "--scratch", "/data/runs/abc/scratch", "model",
    )  # fmt: skip
    assert orders["environment"]["MODEL"] == "/data/a"
    assert orders["environment"]["HOME"] == "/elsewhere"
    assert orders["environment"]["TMPDIR"] == "/data/runs/abc/scratch"
    assert "/data/a" in orders["read"]
    assert set(orders["write"]) == {"/data/runs/abc/scratch", "/data/sockets"}
    assert orders["filter"] == "unix"


def test_and_stay_as_they_are_where_there_is_one() -> None:
    asked = job(_SPEC, Level.NAMESPACES, _PLACE)
    assert asked.orders["command"] == _SPEC.command
    assert asked.orders["needs"] == ("/model",)
    assert asked.argv[0] == "/usr/bin/bwrap"
    assert "--unshare-net" in asked.argv
    assert (asked.group, asked.scratch) == (None, None)
    assert job(_SPEC, Level.FULL, _PLACE).group == "abc"


def test_a_network_is_given_only_when_asked_for() -> None:
    spec = Spec(command=("x",), network=True)
    assert "--unshare-net" not in job(spec, Level.NAMESPACES, _PLACE).argv
    assert job(spec, Level.FILTERS, _PLACE).orders["filter"] == "loopback"


def test_secrets_of_the_environment_are_on_no_command_line() -> None:
    spec = Spec(command=("x",), environment={"TOKEN": "s3cret"})
    for level in Level:
        assert "s3cret" not in " ".join(job(spec, level, _PLACE).argv)
