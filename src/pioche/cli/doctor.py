"""`pioche doctor`."""

from collections.abc import Iterator

from pioche import __version__, app, config
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.cli.progress import bars
from pioche.config import Config
from pioche.db.engine import Database
from pioche.errors import ConfigError, Unreachable
from pioche.mail.smtp import Post
from pioche.processes import lock
from pioche.upkeep.diagnosis import Answer, bad, good, hub, machine
from pioche.upkeep.progress import Progress


def doctor(*, options: Options = DEFAULT) -> int:
    """Tell how this installation is, on one page. Exit code 1 when something is wrong.

    Changes nothing. Works while the hub runs and while it does not, and tells why it does not start.
    """
    with bars() as progress:
        found = list(_answers(options, progress))
    rows = [{"topic": a.topic, "state": a.state, "text": a.text, "advice": a.advice} for a in found]
    if options.json:
        output.table(rows, (), json=True)
    else:
        output.show({}, "\n".join(_line(answer) for answer in found), json=False)
    return 1 if any(answer.is_bad for answer in found) else 0


def _line(answer: Answer) -> str:
    said = f"{answer.state:4}  {answer.topic}: {answer.text}"
    return f"{said}\n      {answer.advice}" if answer.advice else said


def _answers(options: Options, progress: Progress) -> Iterator[Answer]:
    yield good("version", f"Pioche {__version__}")
    try:
        settings = config.load({"data_dir": options.data_dir})
    except ConfigError as error:
        yield bad(
            "settings", str(error), "Mend this setting: the hub does not start before (docs/reference/settings.md)"
        )
        return
    yield good("settings", "All are known and of the right form")
    yield from machine.answers(settings)
    process = lock.holder(settings)
    yield good("hub", "It does not run here" if process is None else f"It runs on this data folder (process {process})")
    if settings.storage_url:
        yield _store(settings)
    yield _mail(settings)
    yield from _held(settings, progress, is_running=process is not None)


def _store(settings: Config) -> Answer:
    try:
        app.check_store(settings)
    except ConfigError as error:
        return bad("store", str(error), "Mend this setting, or look at the store")
    return good("store", f"{settings.storage_url} can be listed, written and read")


def _mail(settings: Config) -> Answer:
    post = Post.of(settings)
    if post is None:
        return good("mail", "This hub sends none (mail_host is not set)")
    try:
        post.check()
    except Unreachable as error:
        return bad(
            "mail", error.message, "Mend the settings mail_*, or look at the server; letters wait for half a day"
        )
    return good("mail", f"{post.server}:{post.port} lets the hub in; `pioche mail test ADDRESS` sends a letter")


def _held(settings: Config, progress: Progress, *, is_running: bool) -> Iterator[Answer]:
    if settings.database_is_sqlite and not (settings.data_dir / "pioche.db").exists():
        yield bad("database", "There is none: no hub was ever started here", "Start the hub, or set data_dir")
        return
    database = Database(settings)
    try:
        blobs = app.open_blobs(settings)
        yield from hub.answers(settings, database, blobs, is_running=is_running, progress=progress)
    except ConfigError as error:
        yield bad("store", str(error), "Mend this setting")
    finally:
        database.close()
