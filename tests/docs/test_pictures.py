"""The pictures of the four axes are those that the generator draws now, and small."""

import io
import sys

import numpy as np
import pytest
from documentation import ROOT
from PIL import Image

sys.path.insert(0, str(ROOT / "docs"))
import axes_pictures

IMAGES = ROOT / "docs" / "images"


def pixels(file):
    return np.asarray(Image.open(file).convert("RGB"), np.float32)


@pytest.mark.slow
def test_the_pictures_are_those_of_this_generator():
    kept = pixels(IMAGES / "axis_boundary.png")
    now = pixels(io.BytesIO(axes_pictures.sheet_png(axes_pictures.boundary())))
    assert now.shape == kept.shape, "run  python docs/axes_pictures.py"
    # Fonts and palettes may differ a little from one Pillow to the next; another volume differs by far more.
    assert np.abs(now - kept).mean() < 1.0, "run  python docs/axes_pictures.py"


def test_the_four_together_stay_below_300_kilobytes():
    files = list(IMAGES.glob("axis_*.png"))
    assert len(files) == 4
    assert sum(path.stat().st_size for path in files) < 300_000
