"""The command line as scripts use it (architecture.md section 9), in this process; one run in a process of its own."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pioche
from pioche import app
from pioche.accounts.callers import Caller
from pioche.accounts.directory import Directory
from pioche.accounts.members import Role
from pioche.accounts.tokens import PREFIX
from pioche.cli import main
from pioche.config import Config
from pioche.db import instance
from pioche.db.engine import Database
from pioche.errors import Disabled, Withdrawn
from pioche.names import RepoId, RepoType
from pioche.repos.access import Action
from pioche.repos.catalog import NewRepo
from tests.databases import SqliteTemplate

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("template"))


@pytest.fixture
def config(template: SqliteTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)  # away from a developer's own pioche.toml
    found = template.config(tmp_path / "data")
    monkeypatch.setenv("PIOCHE_DATA_DIR", str(found.data_dir))
    return found


@pytest.fixture
def run(config: Config, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command that has to work, with --json; returns what it printed."""

    def run_json(*arguments: str) -> Any:
        code = main([*arguments, "--json"])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return json.loads(printed.out)

    return run_json


@pytest.fixture
def refused(config: Config, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a command that is refused; returns the exit code and the one line on standard error."""

    def run_refused(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        assert printed.err.startswith("pioche: ")
        return code, printed.err

    return run_refused


@pytest.fixture
def directory(config: Config) -> Any:
    database = Database(config)
    yield Directory(database)
    database.close()


# --- users ----------------------------------------------------------------------------------------------------------


def test_user_create(run: Run, directory: Directory) -> None:
    made = run("user", "create", "ada", "--fullname", "Ada Lovelace", "--email", "ada@example.org", "--admin")
    assert (made["name"], made["fullname"], made["email"], made["admin"]) == (
        "ada", "Ada Lovelace", "ada@example.org", True,
    )  # fmt: skip
    assert directory.get_user("ada").uid == made["id"]
    assert [user["name"] for user in run("user", "list")] == ["ada"]


def test_names_with_underscores_are_kept(run: Run) -> None:
    assert run("user", "create", "__DUMMY_HUB_USER__")["name"] == "__DUMMY_HUB_USER__"


def test_passwords_by_option_from_standard_input_or_made(
    run: Run, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("user", "create", "ada", "--password", "correct horse")
    assert not directory.authenticate("ada", "correct horse").must_change_password
    monkeypatch.setattr("sys.stdin", io.StringIO("battery staple\n"))
    run("user", "password", "ada", "--password-stdin")
    directory.authenticate("ada", "battery staple")
    made = run("user", "password", "ada")["password"]
    assert directory.authenticate("ada", made).must_change_password


def test_suspend_and_reinstate(run: Run, directory: Directory) -> None:
    run("user", "create", "ada")
    assert run("user", "suspend", "ada")["suspended"] is not None
    assert directory.get_user("ada").is_suspended
    assert run("user", "reinstate", "ada")["suspended"] is None


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_token_create_prints_the_token(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("user", "create", "ada")
    assert run("token", "create", "ada", "--name", "laptop", "--role", "read")["token"].startswith(PREFIX)
    assert run("token", "create", "ada", "--value", "hf_hubsuite_user")["token"] == "hf_hubsuite_user"
    assert main(["token", "create", "ada"]) == 0
    assert capsys.readouterr().out.strip().startswith(PREFIX)


def test_tokens_are_listed_without_themselves_and_revoked(run: Run) -> None:
    run("user", "create", "ada")
    made = run("token", "create", "ada", "--name", "laptop", "--role", "read", "--days", "2")
    (listed,) = run("token", "list", "ada")
    assert (listed["name"], listed["role"], listed["last_used"], listed["revoked"]) == ("laptop", "read", None, None)
    assert listed["expires"] is not None
    assert made["token"] not in json.dumps(listed)
    assert run("token", "revoke", "ada", "laptop")["revoked"] is not None


# --- organisations --------------------------------------------------------------------------------------------------


def test_organisations_and_their_members(run: Run, directory: Directory) -> None:
    for name in ("ada", "bob"):
        run("user", "create", name)
    assert run("org", "create", "lab", "--fullname", "The Lab", "--private-by-default")["private_by_default"]
    assert run("org", "add", "lab", "bob", "--role", "admin") == {"org": "lab", "user": "bob", "role": "admin"}
    for role in Role:
        assert run("org", "add", "lab", "ada", "--role", role)["role"] == role
        assert {"name": "ada", "fullname": "ada", "role": role} in run("org", "members", "lab")
    run("org", "remove", "lab", "ada")
    assert run("org", "members", "lab") == [{"name": "bob", "fullname": "bob", "role": "admin"}]
    assert [org["name"] for org in run("org", "list")] == ["lab"]
    run("org", "delete", "lab")
    assert directory.find("lab") is None


def test_h_the_front_page_says_what_one_writes(run: Run, refused: Callable[..., tuple[int, str]]) -> None:
    assert run("welcome") == {}
    told = run("welcome", "Archives", "Ours.", "--french", "Les nôtres.")
    assert told == {"titles": {"en": "Archives"}, "texts": {"en": "Ours.", "fr": "Les nôtres."}} == run("welcome")
    assert "Give a title and a text" in refused("welcome", "Archives")[1]
    assert "1 to 80 printable characters" in refused("welcome", "x" * 81, "Ours.")[1]
    assert run("welcome", "--clear") == {}


def test_organisations_are_verified(run: Run) -> None:
    run("org", "create", "lab")
    assert run("org", "verify", "lab") == {"name": "lab", "verified": True}
    assert [one["verified"] for one in run("org", "list")] == [True]
    run("org", "unverify", "lab")
    assert [one["verified"] for one in run("org", "list")] == [False]


def test_organisations_invite(run: Run, refused: Callable[..., tuple[int, str]], config: Config) -> None:
    for name in ("ada", "bob", "eve"):
        run("user", "create", name)
    run("org", "create", "lab")
    assert "no administrator" in refused("org", "invite", "lab", "bob")[1]
    run("org", "add", "lab", "ada", "--role", "admin")
    assert "administers neither" in refused("org", "invite", "lab", "bob", "--by", "eve")[1]
    assert run("org", "invite", "lab", "bob", "--role", "write")["user"] == "bob"
    made = run("org", "invite", "lab", "--uses", "3", "--by", "ada")
    assert "/organizations/lab/join?invitation=" in made["link"]
    listed = run("org", "invitations", "lab")
    assert [(one["user"], one["role"], one["by"], one["uses_left"]) for one in listed] == [
        (None, "read", "ada", 3), ("bob", "write", "ada", 1),
    ]  # fmt: skip
    assert made["link"].partition("=")[2] not in json.dumps(listed)
    run("org", "withdraw", "lab", str(made["id"]))
    assert [one["user"] for one in run("org", "invitations", "lab")] == ["bob"]


# --- repos and keys -------------------------------------------------------------------------------------------------


def test_repo_alias(run: Run, refused: Callable[..., tuple[int, str]], config: Config, directory: Directory) -> None:
    ada = directory.create_user("ada")
    hub = app.build_hub(config)
    caller = Caller(ada.id, "ada", may_write=True, is_admin=False)
    hub.catalog.create(caller, NewRepo(type=RepoType.MODEL, namespace="ada", name="bert"))
    hub.database.close()
    assert run("repo", "alias", "bert-base-uncased", "ada/bert") == {
        "name": "bert-base-uncased", "type": "model", "target": "ada/bert",
    }  # fmt: skip
    assert refused("repo", "alias", "gpt2", "ada/absent")[0] == 1
    assert refused("repo", "alias", "gpt2", "datasets/ada/bert")[0] == 1
    code, message = refused("repo", "alias", "gpt2", "bert")
    assert (code, "NAMESPACE/NAME" in message) == (1, True)


def test_repo_disable(run: Run, refused: Callable[..., tuple[int, str]], config: Config, directory: Directory) -> None:
    ada = directory.create_user("ada")
    caller = Caller(ada.id, "ada", may_write=True, is_admin=False)
    hub = app.build_hub(config)
    hub.catalog.create(caller, NewRepo(type=RepoType.MODEL, namespace="ada", name="bert"))
    done = run("repo", "disable", "ada/bert", "--reason", "Spam")
    assert done == {"type": "model", "name": "ada/bert", "reason": "Spam", "status": 403}
    with pytest.raises(Disabled, match="disabled") as said:
        hub.access.open_sync(caller, RepoId.parse(RepoType.MODEL, "ada/bert"), Action.READ)
    assert said.value.reason == "Spam"
    assert run("repo", "disable", "ada/bert", "--reason", "A court asks", "--legal")["status"] == 451
    with pytest.raises(Withdrawn) as said:
        hub.access.open_sync(caller, RepoId.parse(RepoType.MODEL, "ada/bert"), Action.READ)
    assert said.value.reason == "A court asks"
    assert run("repo", "enable", "ada/bert") == {"type": "model", "name": "ada/bert"}
    assert hub.access.open_sync(caller, RepoId.parse(RepoType.MODEL, "ada/bert"), Action.READ)
    hub.database.close()
    assert refused("repo", "disable", "ada/bert", "--reason", " ")[0] == 1
    assert refused("repo", "disable", "ada/absent", "--reason", "Spam")[0] == 1


def test_key_rotate(run: Run, config: Config) -> None:
    kid = run("key", "rotate")["kid"]
    database = Database(config)
    assert [(key.kid == kid, key.retired) for key in instance.signing_keys(database)] == [(False, True), (True, False)]
    database.close()


# --- how commands end -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("user", "create", "a.b"), 1, "Invalid name"),
        (("user", "create", "ada", "--password", "short"), 1, "8 to 256 characters"),
        (("user", "suspend", "nobody"), 1, "does not exist"),
        (("org", "add", "nobody", "ada", "--role", "read"), 1, "does not exist"),
        (("token", "create", "nobody"), 1, "does not exist"),
        (("token", "create", "ada", "--role", "admin"), 2, "--role"),
        (("token", "create", "ada", "--days", "0"), 2, "--days"),
        (("user", "create"), 2, "NAME"),
        (("user", "create", "ada", "--unknown", "x"), 2, "--unknown"),
        (("user", "list", "--data-dir", "/proc/none"), 2, "data_dir"),
    ],
)
def test_a_refusal_is_one_line(
    refused: Callable[..., tuple[int, str]], arguments: tuple[str, ...], code: int, told: str
) -> None:
    found, message = refused(*arguments)
    assert (found, told in message) == (code, True), message


def test_a_wrong_setting_is_named(refused: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIOCHE_PORT", "many")
    assert refused("user", "list") == (2, "pioche: PIOCHE_PORT: a whole number is expected, not 'many'\n")


def test_text_for_people(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["user", "create", "ada", "--fullname", "[bold]Ada"]) == 0
    assert main(["user", "list"]) == 0
    assert main(["--version"]) == 0
    printed = capsys.readouterr().out
    assert "Created the user ada." in printed
    assert "[bold]Ada" in printed
    assert pioche.__version__ in printed


def test_a_new_data_folder_is_made_ready_in_a_process_of_its_own(tmp_path: Path) -> None:
    source = str(Path(pioche.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "pioche", "user", "create", "ada", "--data-dir", str(tmp_path / "data"), "--json"],
        env={"PYTHONPATH": source, "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["name"] == "ada"
    assert (tmp_path / "data" / "pioche.db").exists()


# --- people in browsers ---------------------------------------------------------------------------------------------


def test_an_invitation_is_printed_once_listed_and_withdrawn(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIOCHE_SIGN_UP", "invite")
    monkeypatch.setenv("PIOCHE_PUBLIC_URL", "https://hub.example.org/")
    made = run("user", "invite", "--email", "eve@example.org", "--days", "3")
    assert made["link"].startswith("https://hub.example.org/join?invitation=")
    secret = made["link"].partition("=")[2]
    (listed,) = run("user", "invitations")
    assert (listed["email"], listed["admin"]) == ("eve@example.org", False)
    assert secret not in json.dumps(listed)
    run("user", "withdraw", str(listed["id"]))
    assert run("user", "invitations") == []


def test_nobody_is_invited_to_a_closed_hub(refused: Callable[..., tuple[int, str]]) -> None:
    code, words = refused("user", "invite")
    assert code == 1
    assert "sign_up" in words


def test_an_operator_signs_somebody_out(run: Run, config: Config) -> None:
    run("user", "create", "ada")
    database = Database(config)
    directory = Directory(database)
    directory.sessions.start(directory.get_user("ada"), hours=1)
    assert run("user", "sign-out", "ada") == {"name": "ada", "ended": 1}
    assert run("user", "sign-out", "ada")["ended"] == 0
    database.close()
