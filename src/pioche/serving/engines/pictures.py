"""Pictures out of files, and into one. A file says how large its picture is before anything is computed from it."""

import io
from typing import Any

from PIL import Image, UnidentifiedImageError

from pioche.errors import InvalidInput
from pioche.serving.engines import media

_PIXELS_MAX = 50_000_000
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")


def decoded(given: object, field: str = "inputs") -> Any:
    """A picture in RGB, the first of several. Raises InvalidInput."""
    content = media.decoded(given, field)
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as found:
            if found.width * found.height > _PIXELS_MAX:
                raise InvalidInput(field, f"a picture of more than {_PIXELS_MAX} pixels")
            return found.convert("RGB")
    except UnidentifiedImageError:
        raise InvalidInput(field, f"this is no picture: {', '.join(_FORMATS)} are read") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidInput(field, f"this picture cannot be read: {error}") from None


def encoded(picture: Any) -> str:
    """A PNG, in base64."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return media.encoded(file.getvalue())
