"""How many parameters a model has, or rows a dataset, as a slider with two ends (ui.md 4.2): a form, that works without scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pioche.i18n.texts import gettext
from pioche.i18n.texts import lazy as _
from pioche.names import RepoType

_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


@dataclass(frozen=True, slots=True)
class Scale:
    """What a slider chooses. The form has the fields `least` and `most`, places in `steps`; the address has
    `parameter=min:1B,max:12B` instead, as on the Hub. The first and the last step are no bound."""

    parameter: str
    title: str
    least: str
    most: str
    steps: tuple[str, ...]

    @property
    def last(self) -> int:
        return len(self.steps) - 1


PARAMETERS: Final = Scale(
    "num_parameters",
    _("Parameters"),
    "params_from",
    "params_to",
    ("", "100M", "500M", "1B", "3B", "6B", "12B", "24B", "48B", "96B", "192B", "500B", ""),
)
ROWS: Final = Scale(
    "num_rows",
    _("Rows"),
    "rows_from",
    "rows_to",
    ("", "1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", ""),
)
OF: Final = {RepoType.MODEL: PARAMETERS, RepoType.DATASET: ROWS}


@dataclass(frozen=True, slots=True)
class Slider:
    """`least` and `most` are places in `labels`."""

    scale: Scale
    least: int
    most: int
    labels: list[str]


def slider(scale: Scale, text: str) -> Slider:
    """Where the ends are for a value of the parameter: between two steps, on the outer one."""
    bounds, steps, last = _bounds(text), scale.steps, scale.last
    least = max(place for place in range(last) if not place or _number(steps[place]) <= bounds.get("min", 0))
    most = min(
        (place for place in range(1, last) if _number(steps[place]) >= bounds.get("max", float("inf"))), default=last
    )
    return Slider(scale, least, most, ["0", *(label(step) for step in steps[1:-1]), "\N{INFINITY}"])


def asked(scale: Scale, parameters: Mapping[str, Sequence[str]]) -> str | None:
    """The value of the parameter that the form stands for, empty for no bounds; None when no form was sent."""
    if scale.least not in parameters and scale.most not in parameters:
        return None
    ends = (_place(scale, parameters.get(scale.least), 0), _place(scale, parameters.get(scale.most), scale.last))
    least, most = sorted(ends)
    if least == most:  # one size: from there to the next
        most = min(least + 1, scale.last)
    bounds = (("min", scale.steps[least]), ("max", scale.steps[most]))
    return ",".join(f"{name}:{step}" for name, step in bounds if step)


def label(step: str) -> str:
    """`12B` as people write it: in French `12 Md`."""
    for unit, shown in (("B", gettext(_("B"))), ("M", gettext(_("M"))), ("K", gettext(_("K"))), ("T", gettext(_("T")))):
        if step.upper().endswith(unit):
            return f"{step[:-1]}\N{NARROW NO-BREAK SPACE}{shown}"
    return step


def range_label(text: str) -> str:
    """`min:1B,max:4B` as `1B – 4B`."""
    given = dict(part.split(":", 1) for part in text.split(",") if ":" in part)
    least, most = (label(given.get(name, "")) for name in ("min", "max"))
    if least and most:
        return f"{least} – {most}"
    return f"> {least}" if least else f"< {most}"


def _place(scale: Scale, values: Sequence[str] | None, default: int) -> int:
    text = values[-1] if values else ""
    return min(int(text), scale.last) if text.isascii() and text.isdigit() and len(text) < 4 else default


def _bounds(text: str) -> dict[str, float]:
    """Of what a list has accepted; nothing of anything else."""
    found = {}
    for part in text.split(","):
        name, _colon, value = part.strip().lower().partition(":")
        if name in ("min", "max") and value:
            found[name] = _number(value)
    return found


def _number(step: str) -> float:
    unit = _UNITS.get(step[-1:].upper(), 1)
    digits = step[:-1] if unit > 1 else step
    try:
        return float(digits) * unit
    except ValueError:
        return 0.0
