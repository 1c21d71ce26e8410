"""Pictures of volumes: grey slices, masks and marks over them, three planes, frames, contact sheets.

A picture is a uint8 array (row, column, 3) in sRGB, made only with NumPy and Pillow. Text uses the font
inside Pillow, so a picture is the same on every machine.
"""

from synthfm3d.pictures.histogram import histogram_svg
from synthfm3d.pictures.overlay import (
    MARK_COLOUR,
    PALETTE,
    grey,
    label_colour,
    overlay,
    with_cross,
    with_rectangle,
)
from synthfm3d.pictures.planes import Cross, Layer, Mark, Rectangle, frames_in_time, three_planes
from synthfm3d.pictures.sheet import contact_sheet, data_uri, png_bytes

__all__ = [
    "MARK_COLOUR",
    "PALETTE",
    "Cross",
    "Layer",
    "Mark",
    "Rectangle",
    "contact_sheet",
    "data_uri",
    "frames_in_time",
    "grey",
    "histogram_svg",
    "label_colour",
    "overlay",
    "png_bytes",
    "three_planes",
    "with_cross",
    "with_rectangle",
]
