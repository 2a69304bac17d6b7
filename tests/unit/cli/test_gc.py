"""What `pioche gc --json` prints."""

import json

import pytest

from pioche.cli import gc, output
from pioche.upkeep.collection.report import Reason, Report
from pioche.upkeep.collection.usage import Usage


def test_a_report_with_something_in_it_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(dry_run=False)
    report.add(Reason.ABANDONED, 5, "models/ada/model")
    output.show(gc._found(report, Usage({}, {}, {}, 0)), "", json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["by_reason"], found["by_repo"], found["total"]) == (
        {"uploaded, never used": 5},
        {"models/ada/model": 5},
        5,
    )
