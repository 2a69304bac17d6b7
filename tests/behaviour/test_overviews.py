"""What the front page of a repo and its storage view are told, on both databases."""

import json

from pioche.accounts.callers import Caller
from pioche.names import RepoId, RepoType
from pioche.repos import overviews, sharing
from pioche.repos.access import Repo
from tests.core import Core

CARD = b"---\nlicense: mit\nnew_version: ada/second\n---\n# Words\n\nA model of words.\n"


def test_an_overview_has_row_card_and_facts(core: Core, ada: Caller, repo: Repo) -> None:
    assert overviews.read(repo).card == {}
    assert overviews.readme(repo) is None
    core.commit(repo, ada, {"README.md": CARD, "config.json": json.dumps({"model_type": "bert"}).encode()})
    found = overviews.read(repo)
    assert (found.repo_id, found.text("license"), found.texts("absent")) == (repo.repo_id, "mit", [])
    assert found.completeness is not None
    assert found.missing
    readme = overviews.readme(repo)
    assert readme is not None
    assert readme.size == len(CARD)


def test_other_repos_are_named_as_far_as_they_may_be_opened(core: Core, ada: Caller, repo: Repo) -> None:
    eve = core.user("eve")
    core.repo(ada, "hidden", private=True)
    names = ["ada/hidden", "ADA/words", "ada/absent", ""]
    words = RepoId(RepoType.MODEL, "ada", "words")
    assert overviews.present(repo.database, eve, RepoType.MODEL, names) == {"ADA/words": words}
    hidden = overviews.present(repo.database, ada, RepoType.MODEL, names)["ada/hidden"]
    assert str(hidden) == "ada/hidden"
    assert overviews.present(repo.database, ada, RepoType.DATASET, names) == {}


def test_newer_versions_are_followed_and_rings_lead_nowhere(core: Core, ada: Caller, repo: Repo) -> None:
    def say(target: Repo, version: str) -> None:
        core.commit(target, ada, {"README.md": f"---\nnew_version: {version}\n---\n".encode()})

    second, third = core.repo(ada, "second"), core.repo(ada, "third")
    say(repo, "ada/second")
    assert str(overviews.newest(repo.database, ada, overviews.read(repo))) == "ada/second"
    say(second, "ada/third")
    assert str(overviews.newest(repo.database, ada, overviews.read(repo))) == "ada/third"
    say(third, "ada/words")
    assert overviews.newest(repo.database, ada, overviews.read(repo)) is None
    say(repo, "ada/words")
    assert overviews.newest(repo.database, ada, overviews.read(repo)) is None


def test_sharing_is_counted_as_far_as_repos_may_be_opened(core: Core, ada: Caller, repo: Repo) -> None:
    eve = core.user("eve")
    hidden, public = core.repo(ada, "hidden", private=True), core.repo(ada, "public")
    a, b = b"a" * 40_000, b"b" * 50_000
    core.commit(repo, ada, {"a.bin": core.upload(repo, ada, a), "b.bin": core.upload(repo, ada, b)})
    core.commit(hidden, ada, {"a.bin": core.upload(hidden, ada, a)})
    core.commit(public, ada, {"b.bin": core.upload(public, ada, b)})
    mine, others = sharing.measure(repo, ada), sharing.measure(repo, eve)
    assert (mine.total, mine.shared, mine.unique, mine.tip, mine.history) == (90_000, 90_000, 0, 90_000, 0)
    assert [(str(other.repo_id), other.size) for other in mine.others] == [
        ("ada/public", 50_000),
        ("ada/hidden", 40_000),
    ]
    assert (others.shared, others.unique) == (50_000, 40_000)
    assert [str(other.repo_id) for other in others.others] == ["ada/public"]
    assert [(file.path, file.others) for file in others.files] == [("b.bin", 1), ("a.bin", 0)]
