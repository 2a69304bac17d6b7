"""What a Space waits for before it starts: an environment with Gradio, when everything was fetched before and when nothing changed.

Packages come from the index that this machine is configured with.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.rows import Goal, Row
from pioche.config import Config
from pioche.runner import sandbox
from pioche.spaces.builds import building
from pioche.spaces.builds.building import Builder
from pioche.spaces.builds.plan import Plan
from pioche.spaces.builds.requirements import Requirements, one
from pioche.spaces.builds.sources import Place

_WARM_S, _UNCHANGED_S = 8, 1


def builds(bench: Bench) -> list[Row]:
    """In turn: the first build of all, one of the same and one package more, and the same again."""
    config = replace(Config(), data_dir=bench.folder / "builds")
    builder = building.of(config, sandbox.of(config))
    gradio = ("gradio[oauth]",)
    cold = _seconds(builder, *gradio)
    warm = min(_seconds(builder, *gradio, package) for package in ("six", "toolz"))
    unchanged = min(_seconds(builder, *gradio) for _ in range(3))
    return [
        Row(
            "environment with Gradio, the cache warm",
            f"{cold:.1f} s for the first of all, {warm:.2f} s",
            [Goal(warm, _WARM_S, "s")],
            "Most of it is unpacking wheels, and reading the files once more for their hashes.",
        ),
        Row(
            "environment of unchanged requirements", f"{1000 * unchanged:.1f} ms", [Goal(unchanged, _UNCHANGED_S, "s")]
        ),
    ]


def _seconds(builder: Builder, *requirements: str) -> float:
    wanted = tuple(one(text, Place("requirements.txt", line)) for line, text in enumerate(requirements, start=1))
    here = [python for python in builder.pythons if python.prefix == Path(sys.base_prefix)]
    plan = Plan(sdk="gradio", app_file="app.py", python=here[0], requirements=Requirements(wanted))
    began = time.perf_counter()
    with builder.environment(plan, lambda line: None):
        return time.perf_counter() - began
