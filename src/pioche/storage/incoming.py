"""The folder of what is on its way in: drafts, quarantines, parts of uploads. Nothing in it was ever acknowledged, but
the parts of a multipart upload, which its client may continue for as long as the upload's row lives.
"""

import shutil
import time
from pathlib import Path

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms

_UPLOAD = "upload-"


def upload_path(data_dir: Path, upload_id: str) -> Path:
    """The file that the parts of a multipart upload are written into."""
    return data_dir / "incoming" / f"{_UPLOAD}{upload_id}"


def sweep(database: Database, data_dir: Path, *, untouched_seconds: float) -> int:
    """Removes uploads that have expired, and everything else that was not written to for so long. Returns how many.

    With 0 nobody may be receiving anything: at the start of a hub.
    """
    uploads = schema.uploads
    with database.write() as connection:
        connection.execute(uploads.delete().where(uploads.c.expires_at < now_ms()))
        live = {f"{_UPLOAD}{id_}" for id_ in connection.execute(sa.select(uploads.c.id)).scalars()}
    before = time.time() - untouched_seconds
    doomed = [
        path
        for path in (data_dir / "incoming").iterdir()
        if path.name not in live and (untouched_seconds == 0 or _touched_at(path) < before)
    ]
    for path in doomed:
        _remove(path)
    return len(doomed)


def _touched_at(path: Path) -> float:
    """The newest time in the tree; what vanishes meanwhile is being used."""
    try:
        inside = [entry.lstat().st_mtime for entry in path.rglob("*")] if path.is_dir() else []
        return max([path.lstat().st_mtime, *inside])
    except FileNotFoundError:
        return time.time()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
