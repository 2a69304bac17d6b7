"""A wheel of the add-on (binary distribution format 1.0), made when it is asked for: it is two files and three of metadata."""

import base64
import hashlib
import io
import zipfile
from functools import cache
from importlib.resources import files

from pioche import __version__

_MODULE = "pioche_client"
_INFO = f"{_MODULE}-{__version__}.dist-info"
NAME = f"{_MODULE}-{__version__}-py3-none-any.whl"
_METADATA = f"""Metadata-Version: 2.1
Name: pioche-client
Version: {__version__}
Summary: Sends what huggingface_hub asks of models to the hub that HF_ENDPOINT names
License: Apache-2.0
Requires-Python: >=3.9
"""
_WHEEL = """Wheel-Version: 1.0
Generator: pioche
Root-Is-Purelib: true
Tag: py3-none-any
"""


@cache
def build() -> bytes:
    """The same bytes each time."""
    content = {
        f"{_MODULE}.py": (files("pioche.web.addon") / f"{_MODULE}.py").read_bytes(),
        f"{_MODULE}.pth": f"import {_MODULE}\n".encode(),
        f"{_INFO}/METADATA": _METADATA.encode(),
        f"{_INFO}/WHEEL": _WHEEL.encode(),
    }
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in content.items()]
    content[f"{_INFO}/RECORD"] = "\n".join([*lines, f"{_INFO}/RECORD,,", ""]).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in content.items():
            wheel.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
