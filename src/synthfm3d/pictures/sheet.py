"""Contact sheets of pictures with captions, and pictures as PNG files."""

from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from synthfm3d.pictures.overlay import Colour
from synthfm3d.volume import Array

BACKGROUND: Colour = (17, 17, 17)
INK: Colour = (225, 225, 225)
_GAP = 8
"""Pixels between tiles."""
_TEXT_PX, _LINE_PX = 12, 17


def contact_sheet(rows: Sequence[Sequence[Array]], captions: Sequence[Sequence[str]] | None = None) -> Array:
    """Tiles in rows and columns on a dark background, each with its caption below.

    Parameters
    ----------
    rows
        Pictures, uint8 (row, column) or (row, column, 3). Their sizes, and their number in each row, may
        differ. A column is as wide as its widest tile, a row as high as its highest tile.
    captions
        One text for each tile; long lines are wrapped at the width of the column.
    """
    if not any(len(row) for row in rows):
        raise ValueError("a contact sheet needs at least one tile.")
    captions = captions or [[""] * len(row) for row in rows]
    columns = max(len(row) for row in rows)
    widths = [max(row[n].shape[1] for row in rows if n < len(row)) for n in range(columns)]
    lines = [
        [_wrapped(text, width) for text, width in zip(texts, widths, strict=False)] for texts in captions
    ]
    heights = [max((tile.shape[0] for tile in row), default=0) for row in rows]
    text_heights = [_LINE_PX * max((len(text) for text in row), default=0) for row in lines]
    sheet = Image.new(
        "RGB",
        (sum(widths) + _GAP * (columns + 1), sum(heights) + sum(text_heights) + _GAP * (len(rows) + 1)),
        BACKGROUND,
    )
    draw = ImageDraw.Draw(sheet)
    y = _GAP
    for row, row_lines, height, text_height in zip(rows, lines, heights, text_heights, strict=True):
        x = _GAP
        for tile, texts, width in zip(row, row_lines, widths, strict=False):
            sheet.paste(
                Image.fromarray(tile), (x + (width - tile.shape[1]) // 2, y + (height - tile.shape[0]) // 2)
            )
            for n, text in enumerate(texts):
                draw.text(
                    (x + width / 2, y + height + 3 + n * _LINE_PX), text, INK, font(_TEXT_PX), anchor="mt"
                )
            x += width + _GAP
        y += height + text_height + _GAP
    return np.asarray(sheet)


def _wrapped(text: str, width: int) -> list[str]:
    """The text, broken at spaces into lines of at most ``width`` pixels."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font(_TEXT_PX).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font of all pictures, with its size in pixels."""
    return ImageFont.load_default(size)


def png_bytes(picture: Array, *, bits: int = 8) -> bytes:
    """The picture as a PNG file.

    ``bits`` (1 ... 8) of each channel are kept. With 6 bits the difference is invisible and the file is a
    third smaller, which matters on pages with hundreds of pictures.
    """
    file = BytesIO()
    ImageOps.posterize(Image.fromarray(picture), bits).save(file, format="PNG")
    return file.getvalue()


def data_uri(png: bytes) -> str:
    """A PNG file as a data URI for an HTML page."""
    return "data:image/png;base64," + b64encode(png).decode("ascii")
