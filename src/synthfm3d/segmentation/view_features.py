"""Numbers that describe a view without the truth: a judge predicts the Dice of the view from them.

None of them depends on how finely the scan is stored: lengths are shares of the view, of the image, or mm.
"""

import numpy as np
from scipy import ndimage
from scipy.special import expit

from synthfm3d.metrics.overlap import dice
from synthfm3d.segmentation.look import Look
from synthfm3d.volume import Array

FEATURES = (
    "certainty",
    "hits_prompts",
    "border_share",
    "sure_share",
    "undecided_share",
    "undecided_nearby",
    "outside_probability",
    "size_in_view",
    "view_in_image",
    "size_in_image",
    "size_mm",
    "beyond_share",
    "contrast",
    "edge",
    "homogeneity",
    "outline",
    "box_share",
    "click_depth",
    "click_offset",
    "next_slices",
    "depth_share",
    "largest_slice",
    "agreement_wider",
    "agreement_closer",
    "agreement_2_wider",
    "agreement_2_closer",
    "agreement_mean",
    "agreement_most",
    "credibility",
    "growth_wider",
    "growth_closer",
    "size_beside_others",
)
"""Names of the numbers, in their order."""
MISSING = -1.0
"""Stands for an agreement with a view that there is not."""


class ViewTable:
    """The views of one click and their numbers; each view may change those of all others.

    Parameters
    ----------
    whole_mm
        Width of the whole image.
    """

    def __init__(self, whole_mm: float) -> None:
        self.whole_mm = whole_mm
        self.looks: list[Look] = []
        self._own: list[list[float]] = []
        self._sizes: list[float] = []
        self._agreements: dict[tuple[int, int], float] = {}

    def add(self, look: Look) -> None:
        """Add a view, closer than those before and centred on the same click."""
        n = len(self.looks)
        self._agreements.update({(m, n): agreement(seen, look) for m, seen in enumerate(self.looks)})
        size = _size_mm(look)
        own = _of_answer(look) + _of_size(look, size, self.whole_mm)
        self._own.append(own + _of_image(look) + _of_shape(look) + _of_depth(look))
        self._sizes.append(size)
        self.looks.append(look)

    @property
    def agreements(self) -> Array:
        """Dice (view, view) of what the views found on their middle slice."""
        table = np.eye(len(self.looks))
        for (m, n), value in self._agreements.items():
            table[m, n] = table[n, m] = value
        return table

    @property
    def features(self) -> Array:
        """Float32 (view, feature)."""
        agreements, sizes = self.agreements, np.array(self._sizes)
        rows = [
            own + _of_others(agreements, sizes, n, look.certainty)
            for n, (own, look) in enumerate(zip(self._own, self.looks, strict=True))
        ]
        return np.array(rows, np.float32).reshape(len(rows), len(FEATURES))


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


def _size_mm(look: Look) -> float:
    """Root of the area of the middle slice's mask, and that of one pixel where there is none."""
    return float(np.sqrt(max(int(np.count_nonzero(look.middle_mask)), 1)) * look.region.spacing_mm[1])


def _of_answer(look: Look) -> list[float]:
    """How sure the model is, in the mask, along its border and around it."""
    mask = look.middle_mask
    logits = look.logits[look.region.shape[0] // 2].astype(float)
    probability = expit(logits)
    area = max(int(np.count_nonzero(mask)), 1)
    undecided = (probability > 0.2) & (probability < 0.8)
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    around = ndimage.binary_dilation(mask, iterations=4) & ~mask
    return [
        look.certainty,
        float(look.hits_prompts),
        float(np.count_nonzero(edge)) / edge.size,
        np.count_nonzero(logits > 2) / max(int(np.count_nonzero(logits > -2)), 1),
        min(np.count_nonzero(undecided) / area, 4.0),
        min(np.count_nonzero(undecided & around) / np.sqrt(area), 4.0),
        float(probability[around].mean()) if around.any() else 1.0,
    ]


def _of_size(look: Look, size_mm: float, whole_mm: float) -> list[float]:
    """How large mask and view are; logarithms, but for the share of the view beyond the scan."""
    view_mm = look.region.spacing_mm[1] * look.region.shape[1]
    _, rows, columns = look.inside
    inside = (rows.stop - rows.start) * (columns.stop - columns.start)
    return [
        float(np.log(size_mm / view_mm)),
        float(np.log(view_mm / whole_mm)),
        float(np.log(size_mm / whole_mm)),
        float(np.log(size_mm)),
        1.0 - inside / look.middle_mask.size,
    ]


def _of_others(agreements: Array, sizes: Array, n: int, certainty: float) -> list[float]:
    """How the view compares with the other views of the same place."""

    def with_view(other: int) -> float:
        return float(agreements[n, other]) if 0 <= other < len(sizes) else MISSING

    def growth(other: int) -> float:
        return float(np.log(sizes[n] / sizes[other])) if 0 <= other < len(sizes) else 0.0

    others = np.delete(agreements[n], n)
    mean = float(others.mean()) if others.size else 1.0
    return [
        with_view(n - 1),
        with_view(n + 1),
        with_view(n - 2),
        with_view(n + 2),
        mean,
        float(others.max()) if others.size else 1.0,
        certainty * mean,
        growth(n - 1),
        growth(n + 1),
        float(np.log(sizes[n] / np.median(sizes))),
    ]


def _of_image(look: Look) -> list[float]:
    """Contrast across the border over the noise on both sides, edges on it, and grey values inside."""
    mask = look.middle_mask
    assert look.image is not None
    _, rows, columns = look.inside
    shown = np.zeros(mask.shape, bool)
    shown[rows, columns] = True
    image = ndimage.gaussian_filter(look.image.astype(np.float32), 0.7)
    spread = float(image[shown].std()) + 1e-6
    inner = mask & ~ndimage.binary_erosion(mask, iterations=2)
    outer = ndimage.binary_dilation(mask, iterations=3) & ~ndimage.binary_dilation(mask) & shown
    if not inner.any() or not outer.any():
        return [0.0, 0.0, 1.0]
    noise = 0.5 * float(image[inner].std() + image[outer].std()) + 0.02 * spread
    contrast = abs(float(image[inner].mean() - image[outer].mean())) / noise
    down, across = np.gradient(image)
    steps = np.hypot(down, across)
    border = mask ^ ndimage.binary_erosion(mask)
    edge = float(steps[border & shown].mean()) / (float(steps[shown].mean()) + 1e-6)
    return [min(contrast, 8.0), min(edge, 8.0), min(float(image[mask].std()) / spread, 4.0)]


def _of_shape(look: Look) -> list[float]:
    """How round the mask is, and how the click lies in it: people click in the middle of what they mean."""
    mask = look.middle_mask
    area = int(np.count_nonzero(mask))
    if not area:
        return [0.0, 0.0, 0.0, 2.0]
    border = np.count_nonzero(mask ^ ndimage.binary_erosion(mask))
    places = np.argwhere(mask)
    box = np.ptp(places, axis=0) + 1
    middle = np.array(mask.shape) // 2  # the click is in the middle of its views
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    offset = np.linalg.norm(places.mean(axis=0) - middle) / np.sqrt(area)
    return [
        min(border**2 / area / 12.6, 8.0),
        area / float(box.prod()),
        float(depth[tuple(middle)] / depth.max()),
        min(float(offset), 2.0),
    ]


def _of_depth(look: Look) -> list[float]:
    """How the mask goes on through the slices: agreement with the next ones, how many, and the largest."""
    mask = look.mask
    middle = mask.shape[0] // 2
    areas = mask.sum(axis=(1, 2))
    if not areas[middle]:
        return [0.0, 0.0, 0.0]
    beside = [
        2 * np.count_nonzero(mask[middle] & mask[z]) / (areas[middle] + areas[z])
        for z in (middle - 1, middle + 1)
        if look.inside[0].start <= z < look.inside[0].stop
    ]
    return [
        float(np.mean(beside)) if beside else MISSING,
        np.count_nonzero(areas) / len(areas),
        float(areas[middle] / areas.max()),
    ]
