import pytest

from pioche.errors import BadRequest
from pioche.http.multipart import SentFile, parse

KIND = "multipart/form-data; boundary=----x"


def _body(*parts: bytes) -> bytes:
    return b"".join(b"------x\r\n" + part + b"\r\n" for part in parts) + b"------x--\r\n"


def test_fields_and_files_in_their_order() -> None:
    form = parse(
        KIND,
        _body(
            b'Content-Disposition: form-data; name="summary"\r\n\r\nMod\xc3\xa8le',
            b'Content-Disposition: form-data; name="file"; filename="a %22b%22.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n\x00\r\n--\r\n\xff",
            b'Content-Disposition: form-data; name="file"; filename=""\r\n\r\n',
        ),
    )
    assert form.fields == [("summary", "Modèle")]
    assert form.files == [SentFile("file", 'a "b".bin', b"\x00\r\n--\r\n\xff")]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", _body()),
        (KIND, b""),
        (KIND, b"------x\r\nno end"),
        (KIND, _body(b"no blank line")),
        (KIND, _body(b"X: y\r\n\r\nno name")),
        (KIND, _body(b'Content-Disposition: form-data; name="' + b"n" * 5000 + b'"\r\n\r\nx')),
        (KIND, _body(b'Content-Disposition: form-data; name="a"\r\n\r\n\xff')),
        (KIND, _body(*[b'Content-Disposition: form-data; name="a"\r\n\r\nx'] * 600)),
    ],
)
def test_broken_forms_are_refused(kind: str, body: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(kind, body)
