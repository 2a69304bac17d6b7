"""Writes into the metadata of a README: the fields that change, and not a letter more.

The text is spliced, line by line: comments, order, quotes and unknown fields stay as somebody wrote them. What comes out is
read again and compared, so that an edit either does exactly what was asked or is refused. Values are written so that every
YAML reader takes them for the same: `no` is quoted, as the clients' YAML 1.1 would make False of it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import yaml

from pioche.errors import BadCard
from pioche.repos import cards

_ITEM = re.compile(r"([ ]*)-(?:[ ]+(.*))?\Z")
_EMPTY_OR_COMMENT = re.compile(r"\s*(?:#.*)?\Z")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}\Z")
_WIDTH = 2**20

Scalar = str | int | float | bool


def edit(readme: str, changes: Mapping[str, Any]) -> str:
    """The README with these fields set; None removes one. A README without metadata gets a block.

    Raises BadCard for metadata that cannot be read, and for an edit that cannot be made without touching something else.
    """
    card = cards.parse(readme)
    wanted = {**card.data, **changes}
    wanted = {name: value for name, value in wanted.items() if value is not None or name not in changes}
    place = cards.span(readme)
    if place is None:
        lines = [line for name, value in changes.items() if value is not None for line in _field(name, value)]
        edited = _with_block(readme, lines) if lines else readme
    else:
        edited = _spliced(readme, place, card, changes)
    _check(edited, wanted)
    return edited


def _spliced(readme: str, place: tuple[int, int], card: cards.Card, changes: Mapping[str, Any]) -> str:
    """Lines keep the end that they have: a `\\r` is part of them here."""
    start, end = place
    carriage = "\r" if readme[:start].endswith("\r\n") else ""
    lines = f"{readme[start:end]}{carriage}".split("\n") if end > start else []
    edited = _edited(lines, card, changes, carriage)
    rest = readme[end:].removeprefix("\r").removeprefix("\n") if end > start else readme[end:]
    return readme[:start] + "".join(f"{line}\n" for line in edited) + rest


def _with_block(readme: str, lines: list[str]) -> str:
    mark = "\ufeff" if readme.startswith("\ufeff") else ""
    newline = "\r\n" if "\r\n" in readme[:1000] else "\n"
    return mark + "".join(line + newline for line in ("---", *lines, "---")) + readme.removeprefix(mark)


def _check(edited: str, wanted: Mapping[str, Any]) -> None:
    try:
        found = cards.parse(edited).data
    except BadCard as error:
        raise BadCard(f"This cannot be written into the metadata: {error.message}") from None
    if found != dict(wanted):
        raise BadCard("This edit would change other fields of the metadata too: edit README.md as text")


# --- lines ----------------------------------------------------------------------------------------------------------


def _edited(lines: list[str], card: cards.Card, changes: Mapping[str, Any], carriage: str) -> list[str]:
    """The lines of the block with the changes made."""
    starts = sorted((line - 2, name) for name, line in card.lines.items())
    if len({line for line, _ in starts}) < len(starts):
        raise BadCard("Several fields of the metadata stand on one line: edit README.md as text")
    ends = [*(start for start, _ in starts), len(lines)][1:]
    done = lines[: starts[0][0]] if starts else list(lines)
    for (start, name), end in zip(starts, ends, strict=False):
        own, after = _parted(lines[start:end])
        if name not in changes or changes[name] == card.data[name]:
            done += own
        elif changes[name] is not None:
            plain = [line.removesuffix("\r") for line in own]
            done += [line + carriage for line in _replaced(name, plain, card.data[name], changes[name])]
        done += after
    for name, value in changes.items():
        if name not in card.data and value is not None:
            done += [line + carriage for line in _field(name, value)]
    return done


def _parted(lines: list[str]) -> tuple[list[str], list[str]]:
    """The lines of a field, and those after it that belong to what follows: comments that begin at the margin, and gaps."""
    end = len(lines)
    while end > 1 and _EMPTY_OR_COMMENT.match(lines[end - 1]) and not lines[end - 1].startswith((" ", "\t")):
        end -= 1
    return lines[:end], lines[end:]


def _replaced(name: str, lines: list[str], old: object, new: object) -> list[str]:
    """The field with its new value, in the style of the old one."""
    if _is_flat(new) and _is_flat(old):
        first = lines[0].partition("#")[0].rstrip()
        if first.endswith(":"):
            return [lines[0], *_items(lines[1:], new)]
        if first.endswith("]") and "[" in first and len(lines) == 1:
            return [f"{name}: [{', '.join(_scalar(item, flow=True) for item in new)}]{_comment(lines[0])}"]
    if len(lines) == 1 and isinstance(new, Scalar) and isinstance(old, Scalar | None):
        return [f"{_key(name)}: {_scalar(new)}{_comment(lines[0])}"]
    return _field(name, new)


def _items(lines: list[str], new: Sequence[Scalar]) -> list[str]:
    """A block list: items that stay keep their line with its comment, and the comments above them."""
    known: dict[str, list[str]] = {}
    above = list[str]()
    indent = ""
    for line in lines:
        found = _ITEM.match(line)
        if found is None:
            above.append(line)
            continue
        indent = found[1]
        known[repr(_value(line))] = [*above, line]
        above = []
    written = [known.get(repr(item), [f"{indent}- {_scalar(item)}"]) for item in new]
    return [line for item in written for line in item] + above


def _value(line: str) -> object:
    """What the item on this line is; None when it goes on elsewhere."""
    try:
        found = cards.load(f"a:\n{line}\n")
    except BadCard:
        return None
    items = found.get("a") if isinstance(found, dict) else None
    return items[0] if isinstance(items, list) and len(items) == 1 else None


def _comment(line: str) -> str:
    """What follows the value on its line, when that is certain."""
    before, mark, text = line.rpartition(" #")
    return f" {mark.strip()}{text}" if mark and before.count('"') % 2 == 0 and before.count("'") % 2 == 0 else ""


# --- values ---------------------------------------------------------------------------------------------------------


def _is_flat(value: object) -> TypeGuard[list[Scalar]]:
    return isinstance(value, list) and all(isinstance(item, Scalar) for item in value)


def _field(name: str, value: object) -> list[str]:
    if isinstance(value, Scalar):
        return [f"{_key(name)}: {_scalar(value)}"]
    if _is_flat(value) and value:
        return [f"{_key(name)}:", *(f"- {_scalar(item)}" for item in value)]
    return _dumped({name: value}, flow=False).splitlines()


def _key(name: str) -> str:
    return name if _PLAIN_KEY.match(name) else _scalar(name)


def _scalar(value: Scalar, *, flow: bool = False) -> str:
    """On one line; in `[a, b]` more has to be quoted."""
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else repr(value)
    text = _dumped([value], flow=True).strip()[1:-1].strip() if flow else _dumped(value, flow=False)
    text = text.removesuffix("\n").removesuffix("\n...").strip()
    return text if "\n" not in text else _dumped(value, flow=False, style='"').strip().removesuffix("\n...")


def _dumped(value: object, *, flow: bool, style: str | None = None) -> str:
    try:
        text = yaml.safe_dump(
            value, default_flow_style=flow, default_style=style, sort_keys=False, allow_unicode=True, width=_WIDTH
        )
    except yaml.YAMLError:
        raise BadCard("This value cannot be written as metadata") from None
    return str(text)
