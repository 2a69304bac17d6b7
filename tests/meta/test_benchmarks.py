"""`make bench`: its sections are known, and its table says what was reached and what was not."""

import subprocess
import sys
from pathlib import Path

from benchmarks import page
from benchmarks.rows import Goal, Row, ratio, shortfalls, table


def test_an_unknown_section_is_named() -> None:
    command = [sys.executable, "-m", "benchmarks", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "there is no section nothing: use downloads, look_ups" in " ".join(done.stderr.split())


def test_each_goal_has_a_line() -> None:
    rows = [
        Row("whole-file GET", "900 MB/s", [ratio(1.04, 1.0), Goal(0.61, 0.5, "CPU s/GB")], "copies"),
        Row("10,000 repositories created", "", [Goal(0, 0, "inodes")]),
    ]
    assert table(rows).splitlines()[2:] == [
        "| whole-file GET | 900 MB/s | 1.04 x | ≥ 1 x | yes |",
        "|  |  | 0.61 CPU s/GB | ≤ 0.5 CPU s/GB | **no** |",
        "| 10,000 repositories created |  | 0 inodes | ≤ 0 inodes | yes |",
    ]
    assert shortfalls(rows) == "- **whole-file GET**: copies"
    assert shortfalls(rows[1:]) == "Every goal was reached."


def test_each_command_writes_its_own_part_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    page.write("torture", "no loss", path)
    page.write("bench", "slow", path)
    page.write("bench", "fast", path)
    assert path.read_text().startswith(
        "# Performance\n\n<!-- Made by `make bench ARGS=--write`. -->\n\nfast\n\n<!-- Made"
    )
    assert page.parts(path.read_text()) == {"bench": "\nfast\n\n", "torture": "\nno loss\n"}


def test_the_page_has_both_parts() -> None:
    assert list(page.parts(page.PAGE.read_text())) == ["bench", "torture"]
