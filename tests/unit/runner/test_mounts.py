"""What bubblewrap is asked."""

from pathlib import Path

from pioche.runner.mounts import Mounts


def made(mounts: Mounts) -> list[str]:
    words = mounts.arguments
    return [words[place + 1] for place, word in enumerate(words) if word == "--dir"]


def test_parents_are_made_for_everybodys_eyes() -> None:
    mounts = Mounts()
    mounts.bind(Path("/data/snapshot"), Path("/srv/models/a"))
    assert mounts.arguments[-3:] == ["--ro-bind", "/data/snapshot", "/srv/models/a"]
    assert made(mounts) == ["/srv", "/srv/models"]
    assert mounts.arguments.count("0755") == 2


def test_nothing_is_made_inside_of_what_is_bound() -> None:
    mounts = Mounts()
    mounts.bind(Path("/opt/hub"), Path("/opt/hub"))
    mounts.bind(Path("/opt/hub/a/b"), Path("/opt/hub/a/b"))
    assert made(mounts) == ["/opt"]


def test_the_data_folder_is_hidden_where_it_would_be_seen_and_parts_of_it_are_shown() -> None:
    mounts = Mounts()
    mounts.bind(Path("/opt/hub"), Path("/opt/hub"))
    mounts.hide(Path("/elsewhere/data"))
    mounts.hide(Path("/opt/hub/data"))
    mounts.bind(Path("/opt/hub/data/models/a"), Path("/opt/hub/data/models/a"))
    assert [word for word in mounts.arguments if word == "--tmpfs"] == ["--tmpfs"]
    assert made(mounts) == ["/opt", "/opt/hub/data/models"]
    assert mounts.arguments.index("--tmpfs") < mounts.arguments.index("/opt/hub/data/models/a")


def test_a_link_of_the_machine_stays_one(tmp_path: Path) -> None:
    link = tmp_path / "bin"
    link.symlink_to("usr/bin")
    mounts = Mounts()
    mounts.bind(link, link)
    assert mounts.arguments == ["--symlink", "usr/bin", str(link)]
