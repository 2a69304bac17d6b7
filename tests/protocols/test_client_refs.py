"""Branches, tags, commits and pull requests as every version of the client sees them."""

from typing import Any

from tests.clients import Kind
from tests.clientside import Client
from tests.hub import Account, Hub


def branch_and_tag(client: Client, repo: str) -> Any:
    api = client.api
    api.create_repo(repo)
    first = api.upload_file(repo_id=repo, path_or_fileobj=b"1\n", path_in_repo="f.txt", commit_message="First")
    api.create_branch(repo, branch="dev")
    api.create_branch(repo, branch="feature/\u00e9+1")
    second = api.upload_file(repo_id=repo, path_or_fileobj=b"2\n", path_in_repo="f.txt", commit_message="Second")
    api.create_branch(repo, branch="from-first", revision=first.oid)
    api.create_tag(repo, tag="v1", revision=first.oid, tag_message="The first")
    api.create_tag(repo, tag="v2")
    api.upload_file(
        repo_id=repo,
        path_or_fileobj=b"dev\n",
        path_in_repo="f.txt",
        revision="feature/\u00e9+1",
        commit_message="On it",
    )
    texts = {}
    for revision in ("main", "dev", "feature/\u00e9+1", "from-first", "v1", "v2", first.oid, second.oid[:7]):
        name = {first.oid: "first", second.oid[:7]: "short"}.get(revision, revision)
        texts[name] = client.text(api.hf_hub_download(repo, "f.txt", revision=revision)).strip()
    refs = api.list_repo_refs(repo)
    main = {first.oid: "first", second.oid: "second"}
    found = {
        "texts": texts,
        "branches": {ref.name: main.get(ref.target_commit, "other") for ref in refs.branches},
        "tags": {ref.name: [ref.ref, main.get(ref.target_commit, "other")] for ref in refs.tags},
        "commits": [commit.title for commit in api.list_repo_commits(repo)],
        "commits of v1": [commit.title for commit in api.list_repo_commits(repo, revision="v1")],
        "authors": api.list_repo_commits(repo)[0].authors,
        "again": client.refusal(api.create_branch, repo, branch="dev")["status"],
        "tag again": client.refusal(api.create_tag, repo, tag="v1")["status"],
        "main stays": client.refusal(api.delete_branch, repo, branch="main")["status"],
    }
    api.create_branch(repo, branch="dev", exist_ok=True)
    api.create_tag(repo, tag="v1", exist_ok=True)
    api.delete_branch(repo, branch="feature/\u00e9+1")
    api.delete_tag(repo, tag="v1")
    refs = api.list_repo_refs(repo)
    found["left"] = [[ref.name for ref in refs.branches], [ref.name for ref in refs.tags]]
    found["gone"] = client.refusal(api.hf_hub_download, repo, "f.txt", revision="v1")["classes"][0]
    found["no tag"] = client.refusal(api.delete_tag, repo, tag="v1")["classes"][0]
    return found


def test_branches_and_tags(version: Kind, hub: Hub, ada: Account, repo: str) -> None:
    assert version.tell(branch_and_tag, hub, ada.token, repo=repo) == {
        "texts": {
            "main": "2",
            "dev": "1",
            "feature/\u00e9+1": "dev",
            "from-first": "1",
            "v1": "1",
            "v2": "2",
            "first": "1",
            "short": "2",
        },
        "branches": {"main": "second", "dev": "first", "feature/\u00e9+1": "other", "from-first": "first"},
        "tags": {"v1": ["refs/tags/v1", "first"], "v2": ["refs/tags/v2", "second"]},
        "commits": ["Second", "First", "initial commit"],
        "commits of v1": ["First", "initial commit"],
        "authors": [ada.name],
        "again": 409,
        "tag again": 409,
        "main stays": 403,
        "left": [["dev", "from-first", "main"], ["v2"]],
        "gone": "RevisionNotFoundError",
        "no tag": "RevisionNotFoundError",
    }


def propose(client: Client, repo: str, stranger: str) -> Any:
    """The owner publishes, a stranger proposes: with content of theirs, and into their own pull request only."""
    api = client.api
    theirs = client.hub.HfApi(token=stranger)
    api.create_repo(repo)
    base = api.upload_file(repo_id=repo, path_or_fileobj=b"1\n", path_in_repo="f.txt")
    proposed = theirs.create_commit(
        repo,
        [
            client.hub.CommitOperationAdd("f.txt", b"2\n"),
            client.hub.CommitOperationAdd("w.bin", client.noise(50_000, repo)),
        ],
        commit_message="A proposal",
        create_pr=True,
    )
    theirs.upload_file(repo_id=repo, path_or_fileobj=b"3\n", path_in_repo="g.txt", revision=proposed.pr_revision)
    pulls = api.list_repo_refs(repo, include_pull_requests=True).pull_requests
    return {
        "number": proposed.pr_num,
        "revision": proposed.pr_revision,
        "url": proposed.pr_url,
        "refs": [ref.ref for ref in pulls],
        "its files": api.list_repo_files(repo, revision=proposed.pr_revision),
        "its weights": client.sha256(api.hf_hub_download(repo, "w.bin", revision=proposed.pr_revision))
        == client.sha256(client.noise(50_000, repo)),
        "main": api.model_info(repo).sha == base.oid,
        "not theirs": client.refusal(theirs.upload_file, repo_id=repo, path_or_fileobj=b"4\n", path_in_repo="h.txt")[
            "status"
        ],
    }


def test_a_stranger_proposes_a_change(kind: Kind, hub: Hub, ada: Account, eve: Account, repo: str) -> None:
    assert kind.tell(propose, hub, ada.token, repo=repo, stranger=eve.token) == {
        "number": 1,
        "revision": "refs/pr/1",
        "url": f"{hub.endpoint}/{repo}/discussions/1",
        "refs": ["refs/pr/1"],
        "its files": [".gitattributes", "f.txt", "g.txt", "w.bin"],
        "its weights": True,
        "main": True,
        "not theirs": 403,
    }


def draft(client: Client, repo: str) -> Any:
    """A pull request opened before there is anything in it, and one by upload_folder, which newer clients do so."""
    api = client.api
    api.create_repo(repo)
    pull = api.create_pull_request(repo, title="A draft", description="To come")
    api.upload_file(repo_id=repo, path_or_fileobj=b"1\n", path_in_repo="f.txt", revision=pull.git_reference)
    client.write("folder/w.bin", client.noise(30_000, repo))
    client.write("folder/g.txt", b"g\n")
    uploaded = api.upload_folder(
        repo_id=repo, folder_path=client.folder / "folder", create_pr=True, commit_message="Two"
    )
    first = api.get_discussion_details(repo, pull.num)
    second = api.get_discussion_details(repo, 2)
    return {
        "first": [pull.num, first.status, first.title, first.author, first.target_branch, first.events[0].content],
        "diff": "+1" in first.diff and "g.txt" not in first.diff,
        "second": [uploaded.pr_revision, uploaded.pr_url == second.url, second.status in {"draft", "open"}],
        "its files": api.list_repo_files(repo, revision="refs/pr/2"),
        "listed": [[row.num, row.title, row.is_pull_request] for row in api.get_repo_discussions(repo)],
        "closed": len(list(api.get_repo_discussions(repo, discussion_status="closed"))),
        "absent": client.refusal(api.get_discussion_details, repo, 3)["status"],
        "main": api.list_repo_files(repo),
    }


def test_a_draft_is_filled_by_commits_to_its_ref(version: Kind, hub: Hub, ada: Account, repo: str) -> None:
    assert version.tell(draft, hub, ada.token, repo=repo) == {
        "first": [1, "draft", "A draft", ada.name, "refs/heads/main", "To come"],
        "diff": True,
        "second": ["refs/pr/2", True, True],
        "its files": [".gitattributes", "g.txt", "w.bin"],
        "listed": [[2, "Two", True], [1, "A draft", True]],
        "closed": 0,
        "absent": 404,
        "main": [".gitattributes"],
    }


def race(client: Client, repo: str) -> Any:
    api = client.api
    add = client.hub.CommitOperationAdd
    api.create_repo(repo)
    first = api.create_commit(repo, [add("f.txt", b"1\n")], commit_message="First")
    api.create_commit(repo, [add("f.txt", b"2\n")], commit_message="Second", parent_commit=first.oid)
    late = client.refusal(
        api.create_commit, repo, [add("f.txt", b"3\n")], commit_message="Late", parent_commit=first.oid
    )
    unknown = client.refusal(
        api.create_commit, repo, [add("f.txt", b"3\n")], commit_message="Late", parent_commit="a" * 40
    )
    return {
        "late": [late["status"], late["said"]],
        "unknown": unknown["status"],
        "text": client.text(api.hf_hub_download(repo, "f.txt")),
        "commits": [commit.title for commit in api.list_repo_commits(repo)],
    }


def test_a_commit_upon_an_old_parent_is_refused(version: Kind, hub: Hub, ada: Account, repo: str) -> None:
    assert version.tell(race, hub, ada.token, repo=repo) == {
        "late": [412, "The branch was updated since you opened this page. Please refresh and try again."],
        "unknown": 412,
        "text": "2\n",
        "commits": ["Second", "First", "initial commit"],
    }
