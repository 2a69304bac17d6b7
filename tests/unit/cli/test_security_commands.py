"""`pioche user reset-password`, `reset-2fa` and `pioche org security`, in this process."""

from pioche.accounts.directory import Directory
from pioche.config import Config
from pioche.db.engine import Database
from tests.codes import turn_on
from tests.unit.cli.test_commands import Run, config, refused, run, template

__all__ = ["config", "refused", "run", "template"]


def test_a_user_is_let_in_again(config: Config, run: Run, refused: Run) -> None:
    run("user", "create", "ada", "--password", "correct horse")
    link = run("user", "reset-password", "ada")["link"]
    assert "/login/reset?ticket=" in link
    assert refused("user", "reset-2fa", "ada")[0] == 1
    database = Database(config)
    directory = Directory(database)
    turn_on(directory.second_factors, directory.get_user("ada"))
    assert run("user", "reset-2fa", "ada") == {"name": "ada"}
    assert directory.second_factors.of(directory.get_user("ada").id) is None
    database.close()


def test_what_an_organisation_asks_for_is_shown_and_taken_back(run: Run, refused: Run) -> None:
    run("org", "create", "lab")
    assert run("org", "security", "lab") == {"name": "lab", "second_factor": False, "networks": []}
    both = {"name": "lab", "second_factor": True, "networks": ["192.0.2.0/24", "10.0.0.1/32"]}
    assert run("org", "security", "lab", "--second-factor", "--networks", "192.0.2.0/24 10.0.0.1") == both
    assert run("org", "security", "lab") == both
    assert "did you mean 10.0.0.0/8" in refused("org", "security", "lab", "--networks", "10.0.0.1/8")[1]
    taken = run("org", "security", "lab", "--no-second-factor", "--networks", "")
    assert taken == {"name": "lab", "second_factor": False, "networks": []}
