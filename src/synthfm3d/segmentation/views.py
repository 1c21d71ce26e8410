"""Widths of the views around a click, from the whole image inwards, and how far two views agree.

The widths come from the image and not from its pixels: a scan that is stored more finely shows the same
things in the same views.
"""

import numpy as np

from synthfm3d.metrics.overlap import dice
from synthfm3d.segmentation.look import Look
from synthfm3d.volume import Grid

STEP = 1.5
"""Width of a view over that of the next closer one. Training shows a network objects of half to double the
size that it likes best, so some view of the series shows any object well."""
MOST_VIEWS = 8
"""The closest one shows 1/17 of the image's width, and objects of 1/40 of it well."""
CLEARLY_WIDER = 1.2
"""A view is worth its time if it is by this factor closer than the one before."""


def view_widths(scan: Grid, limits: tuple[float, float]) -> list[float]:
    """Widths of the views around a click in mm, widest first: a geometric series from the whole image down.

    Where the smallest useful width ends the series early, it is the last one.

    Parameters
    ----------
    scan
        Grid of the scan, slices first.
    limits
        Smallest and largest useful width (``zoom.field_of_view_limits``).
    """
    smallest, largest = limits
    series = [min(image_width_mm(scan) / STEP**n, largest) for n in range(MOST_VIEWS)]
    widths = [width for width in series if width >= smallest]
    if not widths or (len(widths) < MOST_VIEWS and widths[-1] > CLEARLY_WIDER * smallest):
        widths.append(smallest)
    return widths


def image_width_mm(scan: Grid) -> float:
    """Larger edge of a scan's slices, in mm."""
    return float(max(n * mm for n, mm in zip(scan.shape[1:], scan.spacing_mm[1:], strict=True)))


def agreement(one: Look, other: Look) -> float:
    """Dice of what two looks around the same place found on their middle slice, as the wider one sees it."""
    wide, narrow = sorted((one, other), key=lambda look: -look.region.spacing_mm[1])
    magnified = wide.region.spacing_mm[1] / narrow.region.spacing_mm[1]
    seen = np.zeros(wide.middle_mask.shape, bool)
    places = [
        np.rint(n // 2 + (np.arange(m) - m // 2) * magnified).astype(int)
        for n, m in zip(narrow.middle_mask.shape, seen.shape, strict=True)
    ]
    shown = [(place >= 0) & (place < n) for place, n in zip(places, narrow.middle_mask.shape, strict=True)]
    seen[np.ix_(*shown)] = narrow.middle_mask[np.ix_(*(p[s] for p, s in zip(places, shown, strict=True)))]
    return dice(wide.middle_mask, seen)
