"""How many parameters a model has, as a slider with two ends (ui.md 4.2): a form, that works without scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pioche.i18n.texts import gettext
from pioche.i18n.texts import lazy as _

FROM: Final = "params_from"
TO: Final = "params_to"
"""The fields of the form: places in `STEPS`. The address has `num_parameters=min:1B,max:12B` instead, as on the Hub."""

PARAMETER: Final = "num_parameters"
STEPS: Final = ("", "100M", "500M", "1B", "3B", "6B", "12B", "24B", "48B", "96B", "192B", "500B", "")
"""The first and the last are no bound."""
_LAST = len(STEPS) - 1
_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


@dataclass(frozen=True, slots=True)
class Slider:
    """`least` and `most` are places in `labels`."""

    least: int
    most: int
    labels: list[str]


def slider(text: str) -> Slider:
    """Where the ends are for a value of `num_parameters`: between two steps, on the outer one."""
    bounds = _bounds(text)
    least = max(place for place in range(_LAST) if not place or _number(STEPS[place]) <= bounds.get("min", 0))
    most = min(
        (place for place in range(1, _LAST) if _number(STEPS[place]) >= bounds.get("max", float("inf"))), default=_LAST
    )
    labels = ["0", *(label(step) for step in STEPS[1:-1]), "\N{INFINITY}"]
    return Slider(least, most, labels)


def asked(parameters: Mapping[str, Sequence[str]]) -> str | None:
    """The value of `num_parameters` that the form stands for, empty for no bounds; None when no form was sent."""
    if FROM not in parameters and TO not in parameters:
        return None
    least, most = sorted((_place(parameters.get(FROM), 0), _place(parameters.get(TO), _LAST)))
    if least == most:  # one size: from there to the next
        most = min(least + 1, _LAST)
    bounds = (("min", STEPS[least]), ("max", STEPS[most]))
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


def _place(values: Sequence[str] | None, default: int) -> int:
    text = values[-1] if values else ""
    return min(int(text), _LAST) if text.isascii() and text.isdigit() and len(text) < 4 else default


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
