"""Bytes that claim to be an image, to pixels: few formats, sizes checked before decoding, never more than is needed."""

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError, features

from server.settings import Settings

SIDE = 256  # pixels of the longer side, at least, that encoders get
_KEPT_SIDE = 512  # of a fetched image that is kept
_KEPT_BYTES = 150_000  # a small JPEG is kept as it came
_KEPT_QUALITY = 90
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit only warns up to twice its size; ours is checked below
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", *(("AVIF",) if features.check("avif") else ()))


class BadImage(Exception):  # noqa: N818 - reads as what it is
    """The bytes are no image that can be used; the message says why."""


def decoded(source: Path | bytes, settings: Settings, side: int = SIDE) -> Image.Image:
    """An RGB image whose longer side is at most twice `side`: upright, on white where it was transparent, the first
    frame of an animation.

    Raises:
        BadImage: it is none, too large, or damaged.

    """
    try:
        if isinstance(source, Path) and source.stat().st_size > settings.image_max_bytes:
            raise BadImage(f"It is larger than {settings.image_max_bytes / 1_000_000:,.1f} MB.")
        with Image.open(source if isinstance(source, Path) else BytesIO(source), formats=FORMATS) as image:
            return _pixels(image, settings.image_max_pixels, side)
    except UnidentifiedImageError as error:
        raise BadImage(f"It is not an image in one of the formats {', '.join(FORMATS)}.") from error
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, MemoryError) as error:
        raise BadImage("The image is damaged or cut off.") from error  # all that Pillow raises for broken files


def reduced(body: bytes, settings: Settings) -> bytes:
    """The image as it is kept: `body` itself if it is a small JPEG, else a JPEG of at most 512 pixels a side.

    Raises:
        BadImage: it is none, too large, or damaged.

    """
    image = decoded(body, settings, _KEPT_SIDE)
    if len(body) <= _KEPT_BYTES and body[:3] == b"\xff\xd8\xff" and max(image.size) <= _KEPT_SIDE:
        return body
    image.thumbnail((_KEPT_SIDE, _KEPT_SIDE), Image.Resampling.BICUBIC)
    target = BytesIO()
    image.save(target, "JPEG", quality=_KEPT_QUALITY)
    return target.getvalue()


def _pixels(image: Image.Image, most: int, side: int) -> Image.Image:
    width, height = image.size
    if width * height > most:
        raise BadImage(f"It has {width:,} x {height:,} pixels; at most {most:,} are decoded.")
    if min(width, height) < 2:
        raise BadImage("It is a single line or dot of pixels.")
    image.draft("RGB", (side, side))  # JPEG is decoded at a half, a quarter or an eighth where that is enough
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        coloured = upright.convert("RGBA")
        upright = Image.new("RGBA", coloured.size, "white")
        upright.alpha_composite(coloured)
    pixels = upright.convert("RGB")
    if max(pixels.size) > 2 * side:
        pixels.thumbnail((2 * side, 2 * side), Image.Resampling.BOX)
    return pixels
