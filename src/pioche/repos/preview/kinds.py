"""How a file is shown: by its name first, by its bytes where the name says nothing or is not to be believed."""

from enum import StrEnum

TEXT_BYTES_MAX = 1024 * 1024
"""Text past this is not shown, but its beginning: neither a browser nor a reader has any use for more."""
HEAD_BYTES = 1024


class Kind(StrEnum):
    """What a page makes of a file."""

    MARKDOWN = "markdown"
    NOTEBOOK = "notebook"
    TABLE = "table"
    JSON = "json"
    TEXT = "text"
    IMAGE = "image"
    SVG = "svg"
    AUDIO = "audio"
    VIDEO = "video"
    PDF = "pdf"
    ARCHIVE = "archive"
    SAFETENSORS = "safetensors"
    GGUF = "gguf"
    ARRAYS = "arrays"
    PICKLE = "pickle"
    PARQUET = "parquet"
    GRAPH = "graph"
    BINARY = "binary"


_SUFFIXES = {
    **dict.fromkeys(("md", "markdown", "mdx"), Kind.MARKDOWN),
    "ipynb": Kind.NOTEBOOK,
    **dict.fromkeys(("csv", "tsv", "jsonl", "ndjson"), Kind.TABLE),
    **dict.fromkeys(("json", "geojson"), Kind.JSON),
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "webp", "avif", "bmp", "ico"), Kind.IMAGE),
    "svg": Kind.SVG,
    **dict.fromkeys(("wav", "flac", "ogg", "opus", "aac", "mp3", "m4a"), Kind.AUDIO),
    **dict.fromkeys(("mp4", "webm", "mov"), Kind.VIDEO),
    "pdf": Kind.PDF,
    **dict.fromkeys(("zip", "tar", "tgz"), Kind.ARCHIVE),
    "safetensors": Kind.SAFETENSORS,
    "gguf": Kind.GGUF,
    **dict.fromkeys(("npy", "npz"), Kind.ARRAYS),
    **dict.fromkeys(("pkl", "pickle", "pt", "pth", "ckpt", "joblib", "bin"), Kind.PICKLE),
    "parquet": Kind.PARQUET,
    "onnx": Kind.GRAPH,
}
_OF_TEXT = frozenset((Kind.MARKDOWN, Kind.NOTEBOOK, Kind.TABLE, Kind.JSON, Kind.SVG))


def of(path: str, head: bytes) -> Kind:
    """`head` are the file's first bytes; HEAD_BYTES of them are enough."""
    name = path.rpartition("/")[2].lower()
    found = Kind.ARCHIVE if name.endswith(".tar.gz") else _SUFFIXES.get(name.rpartition(".")[2] if "." in name else "")
    if found is Kind.PICKLE and not head.startswith((b"PK\x03\x04", b"\x80")):
        found = None  # `.bin` may be anything
    if found in _OF_TEXT and not is_text(head):
        return Kind.BINARY
    return found or (Kind.TEXT if is_text(head) else Kind.BINARY)


def is_text(head: bytes) -> bool:
    """No NUL, few control characters, and UTF-8 but for a character that is cut at the end; of older encodings one that has
    no control character at all."""
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    if b"\0" in head or control > len(head) // 50:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 or not control
    return True


def hex_rows(head: bytes, count: int = 512) -> list[tuple[str, str, str]]:
    """(offset, bytes in hex, the same as characters), 16 to a row."""
    rows = list[tuple[str, str, str]]()
    for at in range(0, min(len(head), count), 16):
        part = head[at : at + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in part)
        rows.append((f"{at:08x}", part.hex(" "), shown))
    return rows
