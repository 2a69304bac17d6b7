"""Every method of the client's HfApi that the compatibility table says works, once, against a live hub.

One short story per kind of work; the wide tests (sizes, versions of the client, every door) are in the files beside this.
"""

import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, TypeVar

import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    DiscussionWithDetails,
    HfApi,
    hf_hub_url,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.hub import Account, Hub
from tests.weights import safetensors


@pytest.fixture(scope="module")
def ada(hub: Hub) -> Account:
    return hub.user(hub.name("ada"))


@pytest.fixture(scope="module")
def api(hub: Hub, ada: Account) -> HfApi:
    return HfApi(hub.endpoint, token=ada.token)


T = TypeVar("T")


class Where(TypedDict):
    """The two arguments that say which repo, as most methods take them: `api.method(**repo, ...)`."""

    repo_id: str
    repo_type: str


@pytest.fixture(params=["model", "dataset", "space"])
def repo(hub: Hub, api: HfApi, ada: Account, request: pytest.FixtureRequest) -> Where:
    where = Where(repo_id=f"{ada.name}/{hub.name('repo')}", repo_type=request.param)
    api.create_repo(**where, space_sdk="static" if request.param == "space" else None)
    return where


def names(api: HfApi, repo: Where) -> list[str]:
    """The files that are there beside those that every repo of this type begins with."""
    return [name for name in api.list_repo_files(**repo) if name not in (".gitattributes", "README.md")]


def test_whoami_and_overviews(hub: Hub, api: HfApi, ada: Account) -> None:
    lab = hub.org(hub.name("lab"), {ada.name: "admin"})
    me = api.whoami()
    assert (me["type"], me["name"]) == ("user", ada.name)
    assert lab in [org["name"] for org in me["orgs"]]
    assert api.get_user_overview(ada.name).username == ada.name
    assert api.get_organization_overview(lab).name == lab
    assert [member.username for member in api.list_organization_members(lab)] == [ada.name]
    assert api.get_full_repo_name("m") == f"{ada.name}/m"


def test_create_delete_move_and_exist(hub: Hub, api: HfApi, ada: Account) -> None:
    for repo_type, space in (("model", {}), ("dataset", {}), ("space", {"space_sdk": "static"})):
        repo_id = f"{ada.name}/{hub.name('repo')}"
        url = api.create_repo(repo_id, repo_type=repo_type, **space)
        assert (url.repo_id, url.repo_type) == (repo_id, repo_type)
        api.create_repo(repo_id, repo_type=repo_type, exist_ok=True, **space)
        with pytest.raises(HfHubHTTPError, match="409"):
            api.create_repo(repo_id, repo_type=repo_type, **space)
        assert api.repo_exists(repo_id, repo_type=repo_type)
        moved = f"{ada.name}/{hub.name('moved')}"
        api.move_repo(repo_id, moved, repo_type=repo_type)
        assert api.repo_info(repo_id, repo_type=repo_type).id == moved
        api.delete_repo(moved, repo_type=repo_type)
        assert not api.repo_exists(moved, repo_type=repo_type)


def test_info_of_each_type_and_settings(hub: Hub, api: HfApi, ada: Account) -> None:
    name = f"{ada.name}/{hub.name('any')}"
    api.create_repo(name)
    api.create_repo(name, repo_type="dataset")
    api.create_repo(name, repo_type="space", space_sdk="gradio")
    model, dataset, space = api.model_info(name), api.dataset_info(name), api.space_info(name)
    assert {info.id for info in (model, dataset, space)} == {name}
    assert len(model.sha or "") == 40
    assert [file.rfilename for file in model.siblings or []] == [".gitattributes"]
    assert space.sdk == "gradio"
    assert api.repo_info(name, repo_type="dataset").sha == dataset.sha
    api.update_repo_settings(name, private=True)
    assert api.model_info(name).private
    with pytest.raises(RepositoryNotFoundError):
        HfApi(hub.endpoint, token=False).model_info(name)


def test_access_is_checked(hub: Hub, api: HfApi, repo: Where) -> None:
    stranger = HfApi(hub.endpoint, token=hub.user(hub.name("eve")).token)
    api.auth_check(**repo)
    api.auth_check(**repo, write=True)
    stranger.auth_check(**repo)
    with pytest.raises(HfHubHTTPError):
        stranger.auth_check(**repo, write=True)
    api.update_repo_settings(**repo, private=True)
    with pytest.raises(RepositoryNotFoundError):
        stranger.auth_check(**repo)


def test_lists(hub: Hub, api: HfApi, ada: Account) -> None:
    name = hub.name("listed")
    api.create_repo(f"{ada.name}/{name}")
    api.create_repo(f"{ada.name}/{name}", repo_type="dataset")
    api.create_repo(f"{ada.name}/{name}", repo_type="space", space_sdk="static")
    for found in (
        api.list_models(author=ada.name, search=name),
        api.list_datasets(author=ada.name, search=name),
        api.list_spaces(author=ada.name, search=name),
    ):
        assert [info.id for info in found] == [f"{ada.name}/{name}"]
    newest = list(api.list_models(author=ada.name, sort="created_at", limit=1))
    assert [info.id for info in newest] == [f"{ada.name}/{name}"]


def test_spaces_by_what_they_say(hub: Hub, api: HfApi, ada: Account) -> None:
    word = f"zymurgy{hub.name('x').replace('-', '')}"
    api.create_repo(f"{ada.name}/{word}", repo_type="space", space_sdk="static")
    (found,) = eventually(lambda: [space for space in api.search_spaces(word, sdk="static") if space.title == word])
    assert (found.id, found.author) == (f"{ada.name}/{word}", ada.name)


def eventually(look: Callable[[], T]) -> T:
    """What `look` finds as soon as it finds something: the search index follows the database."""
    for _ in range(100):
        if found := look():
            return found
        time.sleep(0.1)
    return look()


def test_commits_change_files(api: HfApi, repo: Where, tmp_path: Path) -> None:
    for name in ("a/one.txt", "a/two.txt", "b/three.txt", "four.txt"):
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    api.upload_folder(**repo, folder_path=tmp_path / "folder")
    api.upload_file(**repo, path_or_fileobj=b"five", path_in_repo="five.txt")
    api.delete_file("four.txt", **repo)
    api.delete_files(**repo, delete_patterns=["b/*"])
    assert names(api, repo) == ["a/one.txt", "a/two.txt", "five.txt"]
    api.delete_folder("a", **repo)
    operations = [
        CommitOperationAdd("six.txt", b"six"),
        CommitOperationCopy("five.txt", "copy.txt"),
        CommitOperationDelete("five.txt"),
    ]
    done = api.create_commit(
        **repo, operations=operations, commit_message="Three at once", commit_description="Why not"
    )
    assert names(api, repo) == ["copy.txt", "six.txt"]
    newest = api.list_repo_commits(**repo)[0]
    assert (newest.commit_id, newest.title, newest.message) == (done.oid, "Three at once", "Why not")


def test_a_stale_parent_is_refused(api: HfApi, repo: Where) -> None:
    first = api.repo_info(**repo).sha
    api.create_commit(**repo, operations=[CommitOperationAdd("a", b"1")], commit_message="a", parent_commit=first)
    with pytest.raises(HfHubHTTPError, match="412"):
        api.create_commit(**repo, operations=[CommitOperationAdd("b", b"2")], commit_message="b", parent_commit=first)


def test_large_files_are_uploaded_before_the_commit(api: HfApi, repo: Where, tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    addition = CommitOperationAdd("weights.bin", content)
    api.preupload_lfs_files(**repo, additions=[addition])
    api.create_commit(**repo, operations=[addition], commit_message="weights")
    path = api.hf_hub_download(**repo, filename="weights.bin", cache_dir=tmp_path)
    assert Path(path).read_bytes() == content


def test_a_pull_request_has_its_own_ref(api: HfApi, repo: Where) -> None:
    done = api.create_commit(**repo, operations=[CommitOperationAdd("a", b"1")], commit_message="a", create_pr=True)
    assert done.pr_num == 1
    assert api.file_exists(**repo, filename="a", revision="refs/pr/1")
    assert not api.file_exists(**repo, filename="a")
    assert [ref.ref for ref in api.list_repo_refs(**repo, include_pull_requests=True).pull_requests or []] == [
        "refs/pr/1"
    ]


def test_pull_requests_are_opened_listed_and_read(api: HfApi, repo: Where, ada: Account) -> None:
    opened = api.create_pull_request(**repo, title="Better", description="Because")
    api.upload_file(**repo, path_or_fileobj=b"1", path_in_repo="a", revision=opened.git_reference)
    (found,) = api.get_repo_discussions(**repo)
    assert (found.num, found.title, found.author, found.is_pull_request) == (opened.num, "Better", ada.name, True)
    details = api.get_discussion_details(**repo, discussion_num=opened.num)
    assert details.status == "draft"
    assert "+1" in (details.diff or "")


def test_pull_requests_are_published_closed_and_merged(api: HfApi, repo: Where) -> None:
    opened = api.create_pull_request(**repo, title="Better", description="Because")
    api.upload_file(**repo, path_or_fileobj=b"1", path_in_repo="a", revision=opened.git_reference)
    for status in ("open", "closed", "open"):
        changed = api.change_discussion_status(**repo, discussion_num=opened.num, new_status=status)
        assert (changed.type, changed.new_status) == ("status-change", status)
    api.merge_pull_request(**repo, discussion_num=opened.num, comment="Thanks")
    details = api.get_discussion_details(**repo, discussion_num=opened.num)
    assert isinstance(details, DiscussionWithDetails)
    first = api.list_repo_commits(**repo)[0]
    assert (details.status, details.merge_commit_oid) == ("merged", first.commit_id)
    assert first.title == "Better (#1)"
    assert api.file_exists(**repo, filename="a")


def test_tags_by_type(api: HfApi) -> None:
    assert "text-classification" in {tag["id"] for tag in api.get_model_tags()["pipeline_tag"]}
    assert isinstance(api.get_dataset_tags(), dict)


def test_history_can_be_squashed(api: HfApi, repo: Where) -> None:
    api.upload_file(**repo, path_or_fileobj=b"1", path_in_repo="a")
    api.upload_file(**repo, path_or_fileobj=b"2", path_in_repo="a")
    api.super_squash_history(**repo, commit_message="One")
    assert [commit.title for commit in api.list_repo_commits(**repo)] == ["One"]
    assert api.file_exists(**repo, filename="a")


def test_large_files_are_listed_and_removed_for_good(api: HfApi, repo: Where) -> None:
    api.upload_file(**repo, path_or_fileobj=b"secret \0 weights", path_in_repo="folder/secret.bin")
    api.upload_file(**repo, path_or_fileobj=b"other \0 weights", path_in_repo="other.bin")
    api.create_branch(**repo, branch="side")
    listed = {file.filename: file for file in api.list_lfs_files(**repo)}
    assert listed.keys() == {"folder/secret.bin", "other.bin"}
    assert (listed["other.bin"].ref, listed["other.bin"].size) == ("refs/heads/main", 15)
    api.permanently_delete_lfs_files(**repo, lfs_files=[listed["folder/secret.bin"]])
    assert names(api, repo) == ["other.bin"]
    assert not api.file_exists(**repo, filename="folder/secret.bin", revision="side")
    assert [file.filename for file in api.list_lfs_files(**repo)] == ["other.bin"]
    api.permanently_delete_lfs_files(**repo, lfs_files=list(api.list_lfs_files(**repo)), rewrite_history=False)
    assert names(api, repo) == ["other.bin"], "its history was to stay"
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(**repo, filename="other.bin", force_download=True)


def test_a_repo_is_duplicated(hub: Hub, api: HfApi, ada: Account, repo: Where, tmp_path: Path) -> None:
    api.upload_file(**repo, path_or_fileobj=b"large \0 weights", path_in_repo="folder/large.bin")
    api.create_tag(**repo, tag="v1")
    new = f"{ada.name}/{hub.name('duplicate')}"
    made = api.duplicate_repo(repo["repo_id"], new, repo_type=repo["repo_type"], private=True)
    assert (made.repo_id, made.repo_type) == (new, repo["repo_type"])
    copy = Where(repo_id=new, repo_type=repo["repo_type"])
    assert api.repo_info(**copy).sha == api.repo_info(**repo).sha
    assert api.repo_info(**copy).private
    place = api.hf_hub_download(**copy, filename="folder/large.bin", revision="v1", cache_dir=tmp_path)
    assert Path(place).read_bytes() == b"large \0 weights"
    assert api.duplicate_repo(repo["repo_id"], new, repo_type=repo["repo_type"], exist_ok=True).repo_id == new
    with pytest.raises(HfHubHTTPError, match="409"):
        api.duplicate_repo(repo["repo_id"], new, repo_type=repo["repo_type"])
    eve = HfApi(hub.endpoint, token=hub.user(hub.name("eve")).token)
    with pytest.raises(RepositoryNotFoundError):
        eve.duplicate_repo(new, repo_type=repo["repo_type"])


def test_files_are_copied_between_repos(hub: Hub, api: HfApi, ada: Account, repo: Where) -> None:
    """Large files by reference, small ones by content; who may not read the source copies nothing."""
    api.upload_file(**repo, path_or_fileobj=b"large \0 weights", path_in_repo="folder/large.bin")
    api.upload_file(**repo, path_or_fileobj=b"small", path_in_repo="folder/small.txt")
    new = f"{ada.name}/{hub.name('copies')}"
    api.create_repo(new, repo_type="dataset")
    prefix = "" if repo["repo_type"] == "model" else f"{repo['repo_type']}s/"
    api.copy_files(f"hf://{prefix}{repo['repo_id']}/folder", f"hf://datasets/{new}/copied/")
    copied = {entry.path: entry for entry in api.list_repo_tree(new, repo_type="dataset", recursive=True)}
    assert {"copied/large.bin", "copied/small.txt"} <= copied.keys()
    assert copied["copied/large.bin"].lfs.size == 15


def test_what_an_owner_holds(hub: Hub, api: HfApi, ada: Account) -> None:
    """`list_user_repos`: one's own repos of every type, and those of an organisation that one may see."""
    org = hub.org(hub.name("lab"), {ada.name: "write"})
    wanted = {
        (f"{owner}/{hub.name('held')}", kind) for owner in (ada.name, org) for kind in ("model", "dataset", "space")
    }
    for name, kind in wanted:
        api.create_repo(name, repo_type=kind, space_sdk="static" if kind == "space" else None, private=True)
    api.upload_file(path_or_fileobj=b"x" * 2000, path_in_repo="w.bin", repo_id=min(wanted)[0], repo_type=min(wanted)[1])
    mine = {(found.id, found.type): found for found in api.list_user_repos()}
    ours = {(found.id, found.type): found for found in api.list_user_repos(org)}
    assert wanted <= mine.keys() | ours.keys()
    assert {**mine, **ours}[min(wanted)].storage == 2000
    assert {**mine, **ours}[min(wanted)].storage_percent > 0
    assert list(HfApi(hub.endpoint, token=hub.user(hub.name("eve")).token).list_user_repos(org)) == []


def test_trees_and_paths(api: HfApi, repo: Where) -> None:
    additions = [CommitOperationAdd(name, name.encode()) for name in ("x/y/z.txt", "x/w.txt", "v.txt")]
    done = api.create_commit(**repo, operations=additions, commit_message="tree")
    top = {entry.path: type(entry).__name__ for entry in api.list_repo_tree(**repo)}
    assert top.items() >= {".gitattributes": "RepoFile", "v.txt": "RepoFile", "x": "RepoFolder"}.items()
    below = [entry.path for entry in api.list_repo_tree(**repo, path_in_repo="x", recursive=True, expand=True)]
    assert sorted(below) == ["x/w.txt", "x/y", "x/y/z.txt"]
    (file,) = api.get_paths_info(**repo, paths=["x/w.txt", "absent"], expand=True)
    assert (file.path, file.size, file.last_commit.oid) == ("x/w.txt", 7, done.oid)
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(**repo, path_in_repo="absent"))


def test_branches_and_tags(api: HfApi, repo: Where) -> None:
    first = api.repo_info(**repo).sha
    api.create_branch(**repo, branch="dev")
    api.create_commit(**repo, operations=[CommitOperationAdd("a", b"1")], commit_message="a", revision="dev")
    api.create_tag(**repo, tag="v1", revision="dev", tag_message="the first")
    refs = api.list_repo_refs(**repo)
    assert {branch.name: branch.target_commit == first for branch in refs.branches} == {"main": True, "dev": False}
    assert [tag.name for tag in refs.tags] == ["v1"]
    assert api.revision_exists(**repo, revision="v1")
    assert api.file_exists(**repo, filename="a", revision="v1")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag(**repo, tag="v1")
    api.delete_tag(**repo, tag="v1")
    api.delete_branch(**repo, branch="dev")
    assert not api.revision_exists(**repo, revision="v1")
    with pytest.raises(RevisionNotFoundError):
        list(api.list_repo_tree(**repo, revision="dev"))


def test_downloads(api: HfApi, repo: Where, tmp_path: Path) -> None:
    additions = [CommitOperationAdd("a.txt", b"text"), CommitOperationAdd("big.bin", bytes(2_000_000))]
    done = api.create_commit(**repo, operations=additions, commit_message="both")
    assert Path(api.hf_hub_download(**repo, filename="a.txt", cache_dir=tmp_path)).read_bytes() == b"text"
    folder = Path(api.snapshot_download(**repo, cache_dir=tmp_path))
    assert folder.name == done.oid
    assert (folder / "big.bin").read_bytes() == bytes(2_000_000)
    assert api.resolve_revision(**repo, cache_dir=tmp_path).resolved == done.oid
    metadata = api.get_hf_file_metadata(url=hf_hub_url(**repo, filename="a.txt", endpoint=api.endpoint))
    assert (metadata.commit_hash, metadata.size) == (done.oid, 4)
    checked = api.verify_repo_checksums(**repo, cache_dir=tmp_path)
    assert (checked.mismatches, checked.missing_paths) == ([], [])
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(**repo, filename="absent", cache_dir=tmp_path)
    with pytest.raises(RepositoryNotFoundError):
        api.hf_hub_download("nobody/nothing", "a.txt", cache_dir=tmp_path)


def test_safetensors_headers_are_read_by_range(api: HfApi, repo: Where) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(16)
    api.upload_file(**repo, path_or_fileobj=content, path_in_repo="model.safetensors")
    assert api.get_safetensors_metadata(**repo).parameter_count == {"F32": 4}
    assert api.parse_safetensors_file_metadata(**repo, filename="model.safetensors").tensors["w"].shape == [2, 2]


def test_safetensors_headers_are_read_by_the_hub(api: HfApi, ada: Account) -> None:
    repo_id = f"{ada.name}/parts"
    api.create_repo(repo_id)
    parts = {f"model-0000{number}-of-00002.safetensors": {f"w{number}": ("F32", [2, number])} for number in (1, 2)}
    index = {"metadata": {"total_size": 24}, "weight_map": {f"w{n}": name for n, name in enumerate(parts, start=1)}}
    added = {name: safetensors(tensors) for name, tensors in parts.items()}
    added["model.safetensors.index.json"] = json.dumps(index).encode()
    api.create_commit(repo_id, operations=[CommitOperationAdd(n, c) for n, c in added.items()], commit_message="parts")
    found = api.get_sharded_safetensors_metadata(repo_id)
    assert found.parameter_count == {"F32": 6}
    assert found.metadata == {"total_size": 24}
    assert found.weight_map == index["weight_map"]


def test_work_in_the_background(api: HfApi, repo: Where) -> None:
    api.run_as_future(api.upload_file, **repo, path_or_fileobj=b"1", path_in_repo="later").result(60)
    assert api.file_exists(**repo, filename="later")
