"""Forms with files, as a browser without scripts sends them (RFC 7578): read whole from a body that is in memory."""

import re
from dataclasses import dataclass

from pioche.errors import BadRequest

_PARTS_MAX = 500
_HEAD_BYTES_MAX = 4096
_BOUNDARY = re.compile(r'boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*(name|filename)="([^"\r\n]*)"', re.IGNORECASE)
# What browsers write instead of these characters in names (HTML, "multipart/form-data encoding algorithm").
_ESCAPED = (("%0A", "\n"), ("%0D", "\r"), ("%22", '"'))


@dataclass(frozen=True, slots=True)
class SentFile:
    """`name` is what the browser says the file is called; of a folder that was chosen, with the path below it."""

    field: str
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Multipart:
    """Fields in their order, and the files that were chosen."""

    fields: list[tuple[str, str]]
    files: list[SentFile]


def parse(content_type: str, body: bytes) -> Multipart:
    """Raises BadRequest."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise BadRequest("The form has no boundary")
    boundary = b"--" + (found[1] or found[2]).encode()
    parts = (b"\r\n" + body).split(b"\r\n" + boundary, _PARTS_MAX + 1)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise BadRequest(f"The form is cut short, or has more than {_PARTS_MAX} parts")
    form = Multipart([], [])
    for part in parts[1:-1]:
        _add(form, part)
    return form


def _add(form: Multipart, part: bytes) -> None:
    head, blank, content = part.partition(b"\r\n\r\n")
    if not blank or len(head) > _HEAD_BYTES_MAX:
        raise BadRequest("A part of the form has no head, or one that is too long")
    try:
        parameters = {key.lower(): _plain(value) for key, value in _PARAMETER.findall(_disposition(head))}
        if "name" not in parameters:
            raise BadRequest("A part of the form has no name")
        if "filename" not in parameters:
            form.fields.append((parameters["name"], content.decode()))
        elif parameters["filename"]:
            form.files.append(SentFile(parameters["name"], parameters["filename"], content))
    except UnicodeDecodeError:
        raise BadRequest("The form is not valid UTF-8") from None


def _disposition(head: bytes) -> str:
    lines = head.decode().split("\r\n")
    return next((line for line in lines if line.lower().startswith("content-disposition:")), "")


def _plain(text: str) -> str:
    for written, meant in _ESCAPED:
        text = text.replace(written, meant)
    return text
