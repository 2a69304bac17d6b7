"""`pioche migrate-storage`."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from pioche import app
from pioche.cli import output
from pioche.cli.backups import opened, size
from pioche.cli.options import DEFAULT, Options
from pioche.cli.progress import bars
from pioche.config import Config
from pioche.errors import BadRequest, ConfigError, Conflict
from pioche.processes import lock
from pioche.upkeep import moving
from pioche.upkeep.moving import MovedBytes
from pioche.upkeep.progress import Progress

_DISK = "disk"
_SQLITE = "sqlite"


def migrate_storage(
    *, to_storage_url: str | None = None, to_database_url: str | None = None, options: Options = DEFAULT
) -> int:
    """Move large files to another store, or the database to another engine, and say which settings to change.

    Files may move while the hub runs; then stop it and run this again, which copies only what is new. For the database the
    hub must be stopped. Everything is compared at the end, and nothing is removed where it was. Run it again when it was
    interrupted.

    Parameters
    ----------
    to_storage_url
        As the setting storage_url; "disk" is the data folder.
    to_database_url
        As the setting database_url; "sqlite" is the data folder.
    """
    if to_storage_url is None and to_database_url is None:
        raise BadRequest("Say what to move: --to-storage-url, --to-database-url, or both")
    settings = options.config()
    done: dict[str, Any] = {"settings": {}}
    with _alone(settings) as is_alone, bars() as progress:
        if to_database_url is not None and not is_alone:
            raise Conflict("The hub runs: stop it before its database is moved")
        if to_storage_url is not None:
            url = "" if to_storage_url == _DISK else to_storage_url
            done |= _described(_move_bytes(settings, url, progress))
            done["settings"]["storage_url"] = url
        if to_database_url is not None:
            url = "" if to_database_url == _SQLITE else to_database_url
            done["rows"] = _move_rows(settings, url, progress)
            done["settings"]["database_url"] = url
    done["complete"] = is_alone and not done.get("damaged")
    output.show(done, _text(done, is_alone=is_alone), json=options.json)
    return 1 if done.get("damaged") else 0


@contextmanager
def _alone(settings: Config) -> Iterator[bool]:
    """Whether no hub runs on this data folder; then none can start until the block ends."""
    with ExitStack() as holding:
        try:
            holding.enter_context(lock.held(settings))
        except ConfigError:
            yield False
        else:
            yield True


def _move_bytes(settings: Config, url: str, progress: Progress) -> MovedBytes:
    if url == settings.storage_url:
        raise BadRequest("The files are there already: storage_url is what --to-storage-url says")
    with opened(settings) as database:
        place = app.moving_place(settings, url)
        return moving.move_bytes(database, app.open_blobs(settings), place, progress=progress)


def _move_rows(settings: Config, url: str, progress: Progress) -> int:
    if url == settings.database_url:
        raise BadRequest("The rows are there already: database_url is what --to-database-url says")
    with opened(settings) as source, opened(replace(settings, database_url=url)) as target:
        return moving.move_rows(source, target, progress=progress)


def _described(moved: MovedBytes) -> dict[str, Any]:
    return {
        "files": moved.total_count,
        "copied_files": moved.copied_count,
        "copied_bytes": moved.copied_bytes,
        "damaged": [{"key": each.key, "why": each.why} for each in moved.damaged],
    }


def _text(done: dict[str, Any], *, is_alone: bool) -> str:
    lines = []
    if "files" in done:
        lines.append(f"{done['files']} files are there, {size(done['copied_bytes'])} of them new, each compared.")
    if "rows" in done:
        lines.append(f"{done['rows']} rows are there, compared table by table.")
    if damaged := done.get("damaged"):
        lines += [f"damaged: {each['key']}: {each['why']}" for each in damaged]
        lines.append(f"{len(damaged)} files could not be moved: run pioche fsck.")
    if not is_alone:
        lines.append("The hub runs: stop it and run this again; it copies what is new, and then all is there.")
    else:
        shown = ", ".join(f"{key} = {value!r}".replace("'", '"') for key, value in done["settings"].items())
        lines.append(f"Now set {shown} before the hub starts again. What lay at the old place is still there.")
    return "\n".join(lines)
