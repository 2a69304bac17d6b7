"""The picture that stands for a repo where somebody links it and its owners chose none. Runs in a worker.

Strata in the colour of its type, its name, and a few facts. The only letters are those of Pillow's own font, which knows
ASCII: names of repos are, and the facts are chosen so.
"""

import math
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from pioche.render import pictures, reencoding
from pioche.render.pictures import Picture, PosterJob

_SCALE = 2  # drawn larger and made smaller: edges come out smooth
_MARGIN = 84
_PAPER, _INK, _SOFT, _COPPER, _CREAM = "#f7f5f0", "#22262b", "#555b63", "#9a4a1c", "#fdf8f0"
# From the surface down, as the colours of the pages (static/css/00-tokens.css).
_STRATA: Final = {
    "model": ("#f6e6d8", "#e9c9ad", "#c98b5f", "#96471a"),
    "dataset": ("#e0eee6", "#b7d8c6", "#5f9f82", "#1c6549"),
    "space": ("#e3e9f4", "#bccbe6", "#6f8cc0", "#2b4e8c"),
    "kernel": ("#ece4f3", "#d3c0e2", "#957ab3", "#644085"),
}
_FACTS_MAX = 4


def poster(job: PosterJob) -> Picture:
    width, height = pictures.SOCIAL_SIZE
    image = Image.new("RGB", (width * _SCALE, height * _SCALE), _PAPER)
    draw = ImageDraw.Draw(image)
    colours = _STRATA.get(job.kind, _STRATA["model"])
    for number, colour in enumerate(colours):
        _stratum(draw, number, colour, len(job.name) + number)
    _logo(draw, _MARGIN, 74)
    _write(draw, (_MARGIN + 92, 82), "Pioche", 44, _COPPER)
    if job.owner:
        _write(draw, (_MARGIN, 186), _fitting(job.owner + " /", 42, width - 2 * _MARGIN), 42, _SOFT)
    _title(draw, job.name, width - 2 * _MARGIN)
    _facts(draw, job.facts, colours[-1])
    data, media_type = reencoding.png(image.resize((width, height), Image.Resampling.LANCZOS))
    return Picture(data, media_type, width, height)


def _stratum(draw: ImageDraw.ImageDraw, number: int, colour: str, seed: int) -> None:
    """A layer of the ground: it begins a little lower than the one before, on a line that the name bends."""
    width, height = (side * _SCALE for side in pictures.SOCIAL_SIZE)
    top = height * (0.755 + 0.068 * number)
    line = [
        (x, top + 16 * _SCALE * math.sin(x / width * (2.6 + 0.7 * number) + seed * 0.9))
        for x in range(0, width + 16, 16)
    ]
    draw.polygon([*line, (width, height), (0, height)], fill=colour)


def _logo(draw: ImageDraw.ImageDraw, x: int, y: int, side: int = 68) -> None:
    unit = side / 32

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [((x + a * unit) * _SCALE, (y + b * unit) * _SCALE) for a, b in points]

    draw.rounded_rectangle(at((0, 0), (32, 32)), 7 * unit * _SCALE, fill=_COPPER)
    thick = round(3 * unit * _SCALE)
    curve = [(6 + 20 * part / 24, 13 - 18 * (part / 24) * (1 - part / 24)) for part in range(25)]
    draw.line(at(*curve), fill=_CREAM, width=thick, joint="curve")
    draw.line(at((16, 9), (16, 26)), fill=_CREAM, width=thick)
    for end in (curve[0], curve[-1], (16.0, 26.0)):
        draw.circle(at(end)[0], thick / 2, fill=_CREAM)


def _title(draw: ImageDraw.ImageDraw, name: str, room: int) -> None:
    """On one line, smaller until it fits, or on two."""
    for size in (96, 84, 72):
        if _length(name, size) <= room:
            _write(draw, (_MARGIN, 244 + (96 - size) // 2), name, size, _INK)
            return
    first = _parted(name, 64, room)
    _write(draw, (_MARGIN, 238), name[:first], 64, _INK)
    _write(draw, (_MARGIN, 312), _fitting(name[first:], 64, room), 64, _INK)


def _parted(name: str, size: int, room: int) -> int:
    """Where the second line begins: after a mark between words, if there is one far enough."""
    fits = next((n for n in range(len(name), 1, -1) if _length(name[:n], size) <= room), 1)
    mark = max(name.rfind(sign, 0, fits) for sign in "-_.")
    return mark + 1 if mark > fits // 2 else fits


def _facts(draw: ImageDraw.ImageDraw, facts: list[str], colour: str) -> None:
    x = _MARGIN
    for fact in facts[:_FACTS_MAX]:
        text = fact[:32]
        wide = _length(text, 30) + 44
        if x + wide > pictures.SOCIAL_SIZE[0] - _MARGIN:
            return
        box = [x * _SCALE, 404 * _SCALE, (x + wide) * _SCALE, 456 * _SCALE]
        draw.rounded_rectangle(box, 10 * _SCALE, fill="#fefdfb", outline=colour, width=2 * _SCALE)
        _write(draw, (x + 22, 412), text, 30, colour)
        x += wide + 18


def _fitting(text: str, size: int, room: int) -> str:
    if _length(text, size) <= room:
        return text
    while text and _length(text + "...", size) > room:
        text = text[:-1]
    return text + "..."


def _length(text: str, size: int) -> int:
    return round(_font(size).getlength(text) / _SCALE)


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, colour: str) -> None:
    draw.text((at[0] * _SCALE, at[1] * _SCALE), text, font=_font(size), fill=colour)


_FONTS: dict[int, ImageFont.FreeTypeFont] = {}


def _font(size: int) -> ImageFont.FreeTypeFont:
    found = _FONTS.get(size)
    if found is None:
        made = ImageFont.load_default(size * _SCALE)
        assert isinstance(made, ImageFont.FreeTypeFont), "Pillow was built without FreeType"  # noqa: S101
        found = _FONTS[size] = made
    return found
