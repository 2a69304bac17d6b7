"""The command line: thin commands over the same functions as the web (architecture.md section 9 is its contract).

Every command takes `--data-dir` and `--json` (`options`) and opens the database itself: it works while the hub runs and
while it does not. A refusal is one line on standard error and exit code 1; a wrong setting or a wrong command, 2.
"""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from pioche import __version__
from pioche.errors import ConfigError, HubError

app = App(
    name="pioche",
    help="The model hub that an organisation runs itself.",
    version=__version__,
    print_error=False,
    exit_on_error=False,
    result_action="return_value",
)

# Named, not imported: `pioche --help` is quick, and a command loads what it needs and no more.
app.command("pioche.cli.serve:serve", name="serve", help="Start the hub.")
app.command(
    "pioche.cli.resets:user", name="user", help="Users: create, invite, list, password, sign-out, suspend, reinstate."
)
app.command("pioche.cli.orgs:org", name="org", help="Organisations: create, list, verify, delete; their members.")
app.command("pioche.cli.tokens:token", name="token", help="Tokens of users: create, list, revoke.")
app.command("pioche.cli.repos:repo", name="repo", help="Repos: alias; undo: deleted, restore, reflog, restore-ref.")
app.command("pioche.cli.imports:import_", name="import", help="Import a repo from another hub or a git server.")
app.command("pioche.cli.deploying:deploy", name="deploy", help="Deploy a model to an endpoint, step by step.")
app.command(
    "pioche.cli.exporting:deploy_export", name="deploy-export", help="Print an endpoint for another system to serve."
)
app.command("pioche.cli.quotas:quota", name="quota", help="Limits of storage: show, set, clear.")
app.command("pioche.cli.fsck:fsck", name="fsck", help="Check that everything is there and right; repair it.")
app.command("pioche.cli.doctor:doctor", name="doctor", help="Tell how this installation is.")
app.command("pioche.cli.gc:gc", name="gc", help="Free the space of what nobody can reach any more.")
app.command("pioche.cli.facts:facts", name="facts", help="Derive tags and facts anew from cards and files.")
app.command("pioche.cli.announcing:announce", name="announce", help="Show a text at the top of every page.")
app.command("pioche.cli.welcoming:welcome", name="welcome", help="Say on the front page what this hub is.")
app.command("pioche.cli.mail:mail", name="mail", help="Mail: test.")
app.command("pioche.cli.keys:key", name="key", help="The instance's signing keys: rotate.")
app.command("pioche.cli.backups:backup", name="backup", help="Back the hub up while it runs; list the backups.")
app.command("pioche.cli.backups:restore", name="restore", help="Restore a backup into an empty hub.")
app.command(
    "pioche.cli.moving:migrate_storage", name="migrate-storage", help="Move the files or the database elsewhere."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    try:
        code = app(arguments)
    except (ConfigError, CycloptsError) as error:
        return _refused(str(error), 2)
    except HubError as error:
        return _refused(error.message, 1)
    return code if isinstance(code, int) else 0


def _refused(message: str, code: int) -> int:
    print(f"pioche: {' '.join(message.split())}", file=sys.stderr)
    return code
