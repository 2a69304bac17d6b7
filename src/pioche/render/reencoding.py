"""Pictures written anew: only the pixels of the first frame are kept. Runs in a worker (`picture_worker`)."""

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image, ImageOps, UnidentifiedImageError, WebPImagePlugin  # noqa: F401 - it makes WebP known

from pioche.render import pictures
from pioche.render.pictures import AttachmentJob, AvatarJob, Crop, Picture, Refusal, SocialJob

_QUALITY = 86
_PNG_BYTES_MAX = 2 * 2**20
"""A photograph that came as PNG becomes WebP, which is a tenth of it."""
_ORIENTATION = 0x0112  # the tag of Exif

# What Pillow raises for bytes that are not what they should be, beyond what `bounded` knows.
_DAMAGE = (OSError, SyntaxError, EOFError, struct.error, zlib.error)

Image.MAX_IMAGE_PIXELS = None  # `_opened` looks before anything is unpacked


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


def avatar(job: AvatarJob) -> Picture:
    def shape(image: Image.Image) -> Image.Image:
        box = _square(image.size, job.crop)
        return image.resize((pictures.AVATAR_SIDE,) * 2, Image.Resampling.LANCZOS, box=box)

    return _made(job.source, shape, _webp)


def attachment(job: AttachmentJob) -> Picture:
    def shape(image: Image.Image) -> Image.Image:
        image.thumbnail((pictures.ATTACHMENT_SIDE_MAX,) * 2, Image.Resampling.LANCZOS)
        return image

    is_photograph = job.source[:3] == b"\xff\xd8\xff" or job.source[:4] == b"RIFF"
    return _made(job.source, shape, _webp if is_photograph else _png_or_webp)


def social(job: SocialJob) -> Picture:
    def shape(image: Image.Image) -> Image.Image:
        return ImageOps.fit(image, pictures.SOCIAL_SIZE, Image.Resampling.LANCZOS)

    return _made(job.source, shape, png)


def png(image: Image.Image) -> tuple[bytes, str]:
    """The bytes of the picture, and their media type."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=7)
    return out.getvalue(), "image/png"


def _made(
    source: bytes,
    shape: Callable[[Image.Image], Image.Image],
    encode: Callable[[Image.Image], tuple[bytes, str]],
) -> Picture:
    try:
        image = _bare(shape(_upright(_opened(source))))
    except _Refused as refused:
        return Picture(refusal=refused.refusal)
    except _DAMAGE:
        return Picture(refusal=Refusal.DAMAGED)
    data, media_type = encode(image)
    return Picture(data, media_type, *image.size)


def _opened(source: bytes) -> Image.Image:
    """The first frame, with its pixels unpacked once their number is known to be bearable."""
    try:
        image = Image.open(io.BytesIO(source), formats=pictures.FORMATS)
    except UnidentifiedImageError:
        raise _Refused(Refusal.NOT_A_PICTURE) from None
    width, height = image.size
    if not width or not height:
        raise _Refused(Refusal.DAMAGED)
    if max(width, height) > pictures.SIDE_MAX or width * height > pictures.PIXELS_MAX:
        raise _Refused(Refusal.TOO_LARGE)
    image.load()
    return image


def _upright(image: Image.Image) -> Image.Image:
    """In plain colours, turned as the camera was held: the note that says how does not go out with it."""
    turned = image.getexif().get(_ORIENTATION, 1)
    if image.mode.startswith("I"):  # sixteen bits a pixel, as depth maps have them
        image = image.point(lambda value: value / 256).convert("L")
    has_holes = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    plain = image.convert("RGBA" if has_holes else "RGB")
    turn = _TURNS.get(turned)
    return plain if turn is None else plain.transpose(turn)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _square(size: tuple[int, int], crop: Crop | None) -> tuple[float, float, float, float]:
    """In pixels, within the picture whatever was asked for."""
    width, height = size
    short = min(width, height)
    if crop is None:
        x, y = (width - short) / 2, (height - short) / 2
        return x, y, x + short, y + short
    side = min(max(crop.side * short, 1.0), float(short))
    x, y = min(max(crop.x * short, 0.0), width - side), min(max(crop.y * short, 0.0), height - side)
    return x, y, x + side, y + side


def _bare(image: Image.Image) -> Image.Image:
    """The pixels alone: what a format keeps beside them (a profile, a comment) would be written out again."""
    clean = Image.new(image.mode, image.size)
    clean.paste(image)
    return clean


def _webp(image: Image.Image) -> tuple[bytes, str]:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_QUALITY, method=4)
    return out.getvalue(), "image/webp"


def _png_or_webp(image: Image.Image) -> tuple[bytes, str]:
    made = png(image)
    return made if len(made[0]) <= _PNG_BYTES_MAX else _webp(image)
