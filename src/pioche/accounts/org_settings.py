"""What an organisation says of itself, and how it is open to others. The caller has checked who asks."""

from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import parse_bio, parse_fullname, parse_homepage
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.events import Event
from pioche.jobs import outbox

_accounts = schema.accounts


def change_profile(
    database: Database, org_id: int, *, fullname: str, bio: str, homepage: str, actor_id: int | None = None
) -> None:
    """Empty texts stand for nothing; a full name is the name then. Raises BadRequest."""
    full = parse_fullname(fullname)
    values = {
        "fullname": full or sa.select(_accounts.c.name).where(_accounts.c.id == org_id).scalar_subquery(),
        "bio": parse_bio(bio),
        "homepage": parse_homepage(homepage),
    }
    told = {"fullname": full, "bio": values["bio"], "homepage": values["homepage"]}
    _change(database, org_id, "org.update_settings", values, told, actor_id)


def set_default_visibility(database: Database, org_id: int, *, private: bool, actor_id: int | None = None) -> None:
    """Of new repos, where who creates them does not say."""
    told = {"private_by_default": private}
    _change(database, org_id, "org.settings.default_repo_visibility", told, told, actor_id)


def set_openness(
    database: Database, org_id: int, *, hides_members: bool, takes_requests: bool, actor_id: int | None = None
) -> None:
    """Who sees the members, and whether people may ask to be one. Requests that wait stay."""
    told = {"hides_members": hides_members, "takes_requests": takes_requests}
    _change(database, org_id, "org.update_join_settings", told, told, actor_id)


def verify(database: Database, org_id: int, *, is_verified: bool, actor_id: int | None = None) -> None:
    """The mark that the hub's administrators give: they know that it is who it says."""
    values = {"verified_at": now_ms() if is_verified else None}
    _change(database, org_id, "org.verify" if is_verified else "org.unverify", values, {}, actor_id)


def _change(
    database: Database, org_id: int, kind: str, values: dict[str, Any], told: dict[str, Any], actor_id: int | None
) -> None:
    """`told` stands in the event, beside the organisation's name."""
    changed = _accounts.update().where(_accounts.c.id == org_id).values(values).returning(_accounts.c.name)
    with database.write() as connection:
        name = connection.execute(changed).scalar_one()
        outbox.append(connection, Event(kind, actor_id=actor_id, payload={"org": name, **told}))
