"""What the stock clients read of accounts, and what they are told when a token is wrong. (Rights: test_client_rights.py.)"""

from typing import Any

import pytest

from tests.clients import CURRENT, Kind, StoryFailed
from tests.clientside import Client
from tests.hub import Account, Hub


def look(client: Client, org: str) -> Any:
    api = client.api
    me = api.whoami()
    overview = api.get_user_overview(me["name"])
    return {
        "email": me["email"],
        "roles": [found["roleInOrg"] for found in me["orgs"] if found["name"] == org],
        "overview": [overview.username, overview.num_followers, org in [found.name for found in overview.orgs]],
        "members": [member.username for member in api.list_organization_members(org)],
        "followers": list(api.list_user_followers(me["name"])),
        "following": list(api.list_user_following(me["name"])),
        "likes": api.list_liked_repos(me["name"]).total,
    }


def who(client: Client) -> Any:
    return client.api.whoami()["name"]


def test_accounts_as_every_client_reads_them(version: Kind, hub: Hub, ada: Account) -> None:
    lab = hub.org(hub.name("lab"), {ada.name: "contributor"})
    assert version.tell(look, hub, ada.token, org=lab) == {
        "email": f"{ada.name}@example.org",
        "roles": ["contributor"],
        "overview": [ada.name, 0, True],
        "members": [ada.name],
        "followers": [],
        "following": [],
        "likes": 0,
    }


def test_a_token_works_from_when_it_is_made_until_it_is_revoked(hub: Hub, ada: Account) -> None:
    """Made and revoked by the command line, while the hub runs."""
    client, token = Kind(CURRENT), hub.token(ada.name)
    assert client.tell(who, hub, token) == ada.name
    hub.cli("token", "revoke", ada.name, token)
    with pytest.raises(StoryFailed, match="Invalid user token") as refusal:
        client.tell(who, hub, token)
    assert "HfHubHTTPError" in refusal.value.classes
