import pytest

from pioche.repos.preview import kinds
from pioche.repos.preview.kinds import Kind


@pytest.mark.parametrize(
    ("path", "head", "kind"),
    [
        ("README.md", b"# Hello", Kind.MARKDOWN),
        ("a/b/Notebook.IPYNB", b"{}", Kind.NOTEBOOK),
        ("train.csv", b"a,b\n1,2\n", Kind.TABLE),
        ("config.json", b"{}", Kind.JSON),
        ("main.py", b"import os", Kind.TEXT),
        ("Dockerfile", b"FROM x", Kind.TEXT),
        ("LICENSE", "Apache é".encode("latin-1"), Kind.TEXT),
        ("photo.JPG", b"\xff\xd8\xff", Kind.IMAGE),
        ("drawing.svg", b"<svg/>", Kind.SVG),
        ("drawing.svg", b"\0<svg/>", Kind.BINARY),
        ("data.tar.gz", b"\x1f\x8b", Kind.ARCHIVE),
        ("pytorch_model.bin", b"PK\x03\x04", Kind.PICKLE),
        ("weights.bin", b"\0\1\2", Kind.BINARY),
        ("words.bin", b"plain words", Kind.TEXT),
        ("model.safetensors", b"\x10\0\0\0\0\0\0\0{}", Kind.SAFETENSORS),
        ("blob", b"\0\1", Kind.BINARY),
        ("empty", b"", Kind.TEXT),
        ("cut.txt", "é".encode()[:1], Kind.TEXT),
        ("noise", b"\xff\xfe\x01\x02", Kind.BINARY),
        ("gguf", b"GGUF\x03\0\0\0", Kind.BINARY),
    ],
)
def test_how_a_file_is_shown(path: str, head: bytes, kind: Kind) -> None:
    assert kinds.of(path, head) is kind


def test_hex() -> None:
    rows = kinds.hex_rows(bytes(range(60, 80)))
    assert rows[0] == ("00000000", "3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b", "<=>?@ABCDEFGHIJK")
    assert rows[1][0] == "00000010"
    assert len(kinds.hex_rows(bytes(10_000))) == 32
