"""Who has a picture, and where it is: what every page and many answers ask, a name at a time.

A web process knows all of them (a name and an address for each account that has one) and looks every ten seconds whether
anything changed; its own changes it knows at once.
"""

from typing import Final

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.storage.images import SUFFIXES, Use

_images, _accounts, _former = schema.images, schema.accounts, schema.former_names
_OF_AVATARS = _images.c.use == Use.AVATAR.value
PREFIX: Final = "/avatars/"


class Avatars:
    """A buffer (`http.buffers`) that is filled, not emptied."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._state = (0, 0, 0)
        self._files = dict[str, str]()

    def url(self, name: str) -> str:
        """Where the picture of an account is: what was uploaded, else what is drawn from its name. Asks nothing."""
        return PREFIX + (self._files.get(name.lower()) or f"{name}.svg")

    def picture(self, name: str) -> str | None:
        """As `url`, for who uploaded one."""
        found = self._files.get(name.lower())
        return PREFIX + found if found else None

    def flush(self) -> None:
        """Looks again. Runs in a worker thread."""
        with self._database.read() as connection:
            # Another picture is a row with a higher number, one that was removed a row less, another name a former one.
            pictures = sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(_images.c.id), 0)).where(_OF_AVATARS)
            renamed = sa.select(sa.func.coalesce(sa.func.max(_former.c.at), 0))
            count, last = connection.execute(pictures).one()
            state = count, last, connection.execute(renamed).scalar_one()
            if state == self._state:
                return
            columns = _accounts.c.name_key, _images.c.sha256, _images.c.media_type
            joined = _images.join(_accounts, _accounts.c.id == _images.c.account_id)
            rows = connection.execute(sa.select(*columns).select_from(joined).where(_OF_AVATARS).order_by(_images.c.id))
            self._files = {row.name_key: f"{row.sha256}.{SUFFIXES[row.media_type]}" for row in rows}
            self._state = state
