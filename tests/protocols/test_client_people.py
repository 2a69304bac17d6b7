"""Likes, followers, watching and collections by the stock client."""

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from tests.hub import Account, Hub


@pytest.fixture
def api(hub: Hub, ada: Account) -> HfApi:
    return HfApi(hub.endpoint, token=ada.token)


@pytest.fixture
def eve_api(hub: Hub, eve: Account) -> HfApi:
    return HfApi(hub.endpoint, token=eve.token)


def test_likes(hub: Hub, api: HfApi, eve_api: HfApi, ada: Account, eve: Account) -> None:
    names = {kind: f"{ada.name}/{hub.name('liked')}" for kind in ("model", "dataset", "space")}
    for kind, name in names.items():
        api.create_repo(name, repo_type=kind, space_sdk="static" if kind == "space" else None)
        answer = httpx.post(f"{hub.endpoint}/api/{kind}s/{name}/like", headers=eve.bearer)
        assert answer.json() == {"likes": 1, "isLiked": True}
    liked = eve_api.list_liked_repos()
    assert (liked.user, liked.total) == (eve.name, 3)
    assert (liked.models, liked.datasets, liked.spaces) == ([names["model"]], [names["dataset"]], [names["space"]])
    assert [user.username for user in api.list_repo_likers(names["dataset"], repo_type="dataset")] == [eve.name]
    assert api.get_user_overview(eve.name).num_likes == 3
    assert api.model_info(names["model"]).likes == 1
    eve_api.unlike(names["model"])
    eve_api.unlike(names["model"])
    assert eve_api.list_liked_repos().total == 2
    api.update_repo_settings(names["dataset"], private=True, repo_type="dataset")
    assert eve_api.list_liked_repos().datasets == []
    with pytest.raises(RepositoryNotFoundError):
        eve_api.unlike(names["dataset"], repo_type="dataset")


def test_followers_and_watching(hub: Hub, api: HfApi, eve_api: HfApi, ada: Account, eve: Account) -> None:
    lab = hub.org(hub.name("lab"), {ada.name: "admin"})
    with httpx.Client(base_url=hub.endpoint, headers=eve.bearer) as client:
        for path in (f"users/{ada.name}", f"organizations/{lab}"):
            assert client.post(f"/api/{path}/follow").json() == {"isFollowing": True}
        assert client.post(f"/api/users/{eve.name}/follow").status_code == 400
        repo = f"{ada.name}/{hub.name('watched')}"
        api.create_repo(repo)
        for change in ({"add": [{"id": f"models/{repo}"}]}, {"delete": [{"id": f"models/{repo}", "type": "repo"}]}):
            assert client.patch("/api/settings/watch", json=change).json() == {"success": True}
        assert client.patch("/api/settings/watch", json={"add": [{"id": "x", "type": "user"}]}).status_code == 422
        assert client.patch("/api/settings/watch", json={"add": [{"id": "models/no/where"}]}).status_code == 404
    assert [user.username for user in api.list_user_followers(ada.name)] == [eve.name]
    assert [user.username for user in api.list_organization_followers(lab)] == [eve.name]
    assert {user.username for user in api.list_user_following(eve.name)} == {ada.name, lab}
    seen = eve_api.get_user_overview(ada.name)
    assert (seen.num_followers, seen.is_following) == (1, True)
    assert eve_api.get_organization_overview(lab).num_followers == 1
    assert api.get_user_overview(eve.name).num_following == 2


def test_collections(hub: Hub, api: HfApi, eve_api: HfApi, ada: Account) -> None:
    model, data = f"{ada.name}/{hub.name('kept')}", f"{ada.name}/{hub.name('data')}"
    api.create_repo(model)
    api.create_repo(data, repo_type="dataset", private=True)
    title = hub.name("Our list")
    made = api.create_collection(title, description="What we use")
    again = api.create_collection(title, exists_ok=True)
    assert (made.slug, made.description, made.items) == (again.slug, "What we use", [])
    assert made.url == f"{hub.endpoint}/collections/{made.slug}"
    api.add_collection_item(made.slug, model, "model", note="First")
    full = api.add_collection_item(made.slug, data, "dataset")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.add_collection_item(made.slug, model, "model")
    assert len(api.add_collection_item(made.slug, model, "model", exists_ok=True).items) == 2
    api.update_collection_item(made.slug, full.items[0].item_object_id, note="Second", position=1)
    found = api.get_collection(made.slug)
    assert [(one.item_id, one.item_type, one.note) for one in found.items] == [
        (data, "dataset", None),
        (model, "model", "Second"),
    ]
    assert [(one.item_id, one.position) for one in eve_api.get_collection(made.slug).items] == [(model, 0)]
    lines = [{"action": "update", "_id": one.item_object_id, "data": {"note": "Both"}} for one in found.items]
    url = f"{hub.endpoint}/api/collections/{made.slug}"
    assert httpx.post(f"{url}/items/batch", json=lines, headers=ada.bearer).json() == {"success": True}
    assert {one.note for one in api.get_collection(made.slug).items} == {"Both"}
    assert httpx.post(f"{url}/items/batch", json=[{**lines[0], "action": "x"}], headers=ada.bearer).status_code == 400
    assert eve_api.get_collection(made.slug).upvotes == 0
    assert httpx.get(f"{url}/resource-group").json() is None
    api.update_collection_resource_group(made.slug, None)
    renamed = api.update_collection_metadata(made.slug, title=hub.name("Renamed"), theme="green", position=0)
    assert renamed.slug != made.slug == again.slug
    assert eve_api.get_collection(made.slug).slug == renamed.slug
    assert [one.slug for one in api.list_collections(owner=ada.name, item=f"models/{model}")] == [renamed.slug]
    assert list(eve_api.list_collections(item=f"datasets/{data}")) == []
    api.update_collection_metadata(renamed.slug, private=True)
    for call in (eve_api.get_collection, eve_api.delete_collection):
        with pytest.raises(HfHubHTTPError, match="404"):
            call(renamed.slug)
    assert list(eve_api.list_collections(owner=ada.name)) == []
    api.delete_collection_item(renamed.slug, full.items[1].item_object_id)
    api.delete_collection_item(renamed.slug, full.items[1].item_object_id, missing_ok=True)
    api.delete_collection(renamed.slug)
    api.delete_collection(renamed.slug, missing_ok=True)
