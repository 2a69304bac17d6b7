"""Accounts as the stock clients see them: whoami, auth_check, overviews, members, and the errors they raise."""

import pytest

from tests.clients import CURRENT, VERSIONS, run
from tests.hub import Hub

_LOOK = """
from huggingface_hub import HfApi
api = HfApi()
me = api.whoami()
org = args["org"]
overview = api.get_user_overview(me["name"])
result({
    "name": me["name"],
    "email": me["email"],
    "role": me["auth"]["accessToken"]["role"],
    "orgs": [(found["name"], found["roleInOrg"]) for found in me["orgs"]],
    "overview": [overview.username, overview.num_models, overview.num_followers],
    "members": [member.username for member in api.list_organization_members(org)],
    "followers": list(api.list_user_followers(me["name"])),
    "following": list(api.list_user_following(me["name"])),
    "likes": api.list_liked_repos(me["name"]).total,
})
"""

_CHECK = """
from huggingface_hub import HfApi
HfApi().create_repo(args["repo"], private=True)
HfApi().auth_check(args["repo"])
HfApi(token=args["stranger"]).auth_check(args["repo"])
"""

_WHOAMI = """
from huggingface_hub import HfApi
result(HfApi().whoami()["name"])
"""

_UNKNOWN = """
from huggingface_hub import HfApi
HfApi().get_user_overview("nobody-at-all")
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_the_clients_read_accounts(hub: Hub, version: str) -> None:
    ada = hub.user(hub.name("ada"))
    lab = hub.org(hub.name("lab"), {ada.name: "contributor"})
    seen = run(version, _LOOK, hub, token=ada.token, org=lab).value
    assert seen == {
        "name": ada.name,
        "email": f"{ada.name}@example.org",
        "role": "write",
        "orgs": [[lab, "contributor"]],
        "overview": [ada.name, 0, 0],
        "members": [ada.name],
        "followers": [],
        "following": [],
        "likes": 0,
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_auth_check_of_a_private_repo_is_not_found_by_others(hub: Hub, version: str) -> None:
    ada, eve = hub.user(hub.name("ada")), hub.user(hub.name("eve"))
    done = run(version, _CHECK, hub, token=ada.token, repo=f"{ada.name}/m", stranger=eve.token)
    assert "RepositoryNotFoundError" in done.error, done.output


def test_a_wrong_token_is_said_to_be_wrong(hub: Hub) -> None:
    done = run(CURRENT, _WHOAMI, hub, token="hf_wrong" + "0" * 32)
    assert "HfHubHTTPError" in done.error
    assert "Invalid user token" in done.message


def test_a_token_made_while_the_hub_runs_works_at_once_and_no_longer_when_revoked(hub: Hub) -> None:
    ada = hub.user(hub.name("ada"))
    assert run(CURRENT, _WHOAMI, hub, token=ada.token).value == ada.name
    hub.cli("token", "revoke", ada.name, ada.token)
    assert "HfHubHTTPError" in run(CURRENT, _WHOAMI, hub, token=ada.token).error


def test_an_unknown_user_is_an_error_of_404(hub: Hub) -> None:
    done = run(CURRENT, _UNKNOWN, hub)
    assert "HfHubHTTPError" in done.error
    assert "404" in done.message
