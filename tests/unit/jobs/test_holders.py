"""Whose process is gone, and of whose nothing can be said."""

import os
import subprocess
import sys

from pioche.jobs import holders


def of_a_child(code: str = "") -> str:
    """A holder made by a process that is gone."""
    script = f"from pioche.jobs import holders; print(holders.new()); {code}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    return done.stdout.strip()


def test_a_process_that_lives_is_not_gone() -> None:
    assert not holders.is_gone(holders.new())
    assert holders.new() != holders.new(), "two of one process are two"


def test_one_that_ended_is() -> None:
    assert holders.is_gone(of_a_child())


def test_one_whose_id_another_process_has_now_is_gone() -> None:
    name, world, _, started = of_a_child().split(" ")
    assert holders.is_gone(f"{name} {world} {os.getpid()} {started}0")


def test_of_one_elsewhere_nothing_can_be_said() -> None:
    name, world, process, started = of_a_child().split(" ")
    assert not holders.is_gone(f"{name} {world}x {process} {started}")
    assert not holders.is_gone(name), "as earlier versions wrote them"
    assert not holders.is_gone("")


def test_one_of_another_user_is_there() -> None:
    name, world, *_ = holders.new().split(" ")
    assert not holders.is_gone(f"{name} {world} 1 x") or os.geteuid() == 0
