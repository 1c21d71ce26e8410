"""Synthetic clicks on scans with the size and resolution of real scans, and on small ones.

A click depends only on (seed, index). Its target is a structure that users would click on: a whole
structure or one of its parts, closed, in one piece, and visible along most of its boundary.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from synthfm3d.generate import LabelledVolume, realise
from synthfm3d.loading.targets import filled_slices, largest_piece
from synthfm3d.metrics.contrast import boundary_contrast
from synthfm3d.prompts.simulation import innermost_point, largest_slice
from synthfm3d.randomness import stream
from synthfm3d.synthesis.draw import Range
from synthfm3d.synthesis.presets import PRESETS
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.settings import BoundarySettings, NoiseSettings, SynthesisSettings
from synthfm3d.synthesis.ultrasound import UltrasoundNoiseSettings
from synthfm3d.volume import Array, Grid, Modality, Position, Volume

WHOLE_STRUCTURES = 0.7
"""Share of targets that are all labels of their structure."""
LEAST_EXTENT = 0.03
"""Larger extent of a target on its slice over the width of the image, at least."""
LEAST_PIXELS = 60
"""Area of a target on its slice, at least."""
LEAST_CONTRAST, MOST_INVISIBLE = 1.0, 0.35
"""Median contrast-to-noise ratio of a boundary at least, and its invisible share at most."""
SMALL_HOLES = 0.15
"""Share of a part's area on a slice below which holes in it are closed."""
INNERMOST = 0.7
"""Share of clicks at the innermost point; the others are anywhere inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The resolution of one kind of scan.

    Parameters
    ----------
    sides
        Pixels along an edge, chosen at random.
    pixel_mm, anisotropy
        As in ``SynthesisSettings``.
    speckle_pixels, psf_pixels
        Point spreads in pixels: an image with small pixels is smooth, since the blur is physical.
        Ultrasound of 2 to 5 MHz has speckle of 0.3 to 0.8 mm along the beam.
    """

    sides: tuple[int, ...]
    pixel_mm: Range
    anisotropy: Range
    speckle_pixels: Range = (0.55, 1.2)
    psf_pixels: Range = (0.35, 1.1)

    def settings(self, modality: Modality, side: int, depth: int) -> SynthesisSettings:
        return SynthesisSettings(
            shape=(depth, side, side),
            modalities=(modality,),
            pixel_mm=self.pixel_mm,
            anisotropy=self.anisotropy,
            boundary=BoundarySettings(psf_pixels=self.psf_pixels),
            noise=NoiseSettings(us=UltrasoundNoiseSettings(speckle_pixels=self.speckle_pixels)),
        )


FINE: dict[Modality, Stored] = {
    "ct": Stored(sides=(512, 512, 768), pixel_mm=(0.45, 1.0), anisotropy=(1.0, 10.0)),
    "mr": Stored(sides=(320, 512, 640), pixel_mm=(0.3, 1.0), anisotropy=(1.0, 12.0), psf_pixels=(0.5, 2.0)),
    "us": Stored(
        sides=(512, 640, 800, 1024),
        pixel_mm=(0.12, 0.4),
        anisotropy=(1.0, 4.0),
        speckle_pixels=(1.0, 3.0),
    ),
}
SMALL: dict[Modality, Stored] = {
    "ct": Stored(sides=(128, 192, 256), pixel_mm=(1.2, 3.0), anisotropy=(1.0, 4.0)),
    "mr": Stored(sides=(128, 192, 256, 320), pixel_mm=(0.8, 2.0), anisotropy=(1.0, 6.0)),
    "us": Stored(sides=(128, 192, 256), pixel_mm=(0.4, 1.0), anisotropy=(1.0, 4.0)),
}
FINE_SHARE = 0.7
"""Share of scans that are stored finely."""
DEPTHS = (12, 16, 24, 32)
SINGLE_SLICE, SEQUENCE = 0.3, 0.3
"""Shares of ultrasound scans that are one picture, and a beating heart over time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Click:
    """A click on a synthetic scan, and the object that it means.

    Parameters
    ----------
    name
        Scan, number of the click, modality and storage, for tables.
    target
        Boolean (z, y, x): the object that the click means.
    """

    name: str
    scan: Volume
    position_mm: Position
    slice_index: int
    target: Array


def clicks_of(seed: int, index: int, most: int, *, fine_share: float = FINE_SHARE) -> Iterator[Click]:
    """Clicks on different targets of scan ``index`` of a seed; large targets tend to come first."""
    draw = stream(seed, "clicks", index)
    volume, name = _scan(seed, index, fine_share, draw)
    for number, mask in enumerate(islice(_targets(volume, draw), most)):
        z = largest_slice(mask)
        y, x = innermost_point(mask[z])
        if draw.random() >= INNERMOST:
            y, x = draw.permutation(np.argwhere(mask[z]))[0]
        r, a, s = volume.image.grid.to_mm(np.array([z, y, x], float)).tolist()
        label = f"{name}, click {number}"
        yield Click(name=label, scan=volume.image, position_mm=(r, a, s), slice_index=z, target=mask)


def _scan(seed: int, index: int, fine_share: float, draw: np.random.Generator) -> tuple[LabelledVolume, str]:
    modality: Modality = ("ct", "mr", "us")[index % 3]
    fine = draw.random() < fine_share
    stored = (FINE if fine else SMALL)[modality]
    side, depth, kind = int(draw.choice(stored.sides)), int(draw.choice(DEPTHS)), draw.random()
    settings = stored.settings(modality, side, depth)
    if modality == "us" and kind < SEQUENCE:
        cine = PRESETS["cine-us"]
        probes = replace(settings.noise, us=replace(settings.noise.us, probes=cine.noise.us.probes))
        settings = replace(settings, third_axis="time", noise=probes)
    scene = draw_scene(seed, index, settings)
    single = modality == "us" and SEQUENCE <= kind < SEQUENCE + SINGLE_SLICE
    volume = realise(scene, range(depth // 2, depth // 2 + 1) if single else None)
    return volume, f"scan {index} {modality} {'fine' if fine else 'small'}"


def _targets(volume: LabelledVolume, draw: np.random.Generator) -> Iterator[Array]:
    """Masks that a person could outline, in random order; large ones tend to come first."""
    labels = volume.labels.voxels
    sizes = np.bincount(labels.reshape(-1))
    values = np.flatnonzero(sizes >= LEAST_PIXELS)
    values = values[values > 0]
    order = values[np.argsort(draw.exponential(size=len(values)) / np.cbrt(sizes[values]))]
    families = _families(volume)
    seen = set()
    for value in order:
        whole = draw.random() < WHOLE_STRUCTURES
        family = families.get(int(value), (int(value),)) if whole else (int(value),)
        if family in seen:
            continue
        seen.add(family)
        mask = drawable(np.isin(labels, family), whole=whole)
        if _is_prompted(volume.image, mask):
            yield mask


def _families(volume: LabelledVolume) -> dict[int, tuple[int, ...]]:
    """For each label, all labels of the structure that it belongs to; without those of the body."""
    families = {}
    for structure in volume.scene.anatomy.structures:
        values = tuple(sorted({layer.label for layer in structure.layers if layer.label}))
        families.update(dict.fromkeys(values, values))
    return families


def drawable(mask: Array, *, whole: bool) -> Array:
    """A mask (z, y, x) as a person outlines it: its largest piece, closed in every slice.

    In a part of a structure only small holes are closed: the content of a wall is not part of the wall.
    """
    piece = largest_piece(mask)
    closed = filled_slices(piece)
    few = closed.sum(axis=(1, 2)) < (1 + SMALL_HOLES) * piece.sum(axis=(1, 2))
    return closed if whole else np.where(few[:, None, None], closed, piece)


def _is_prompted(image: Volume, mask: Array) -> bool:
    """Whether a target is so large and visible that a user would click on it."""
    section = mask[largest_slice(mask)] if mask.any() else mask[0]
    if np.count_nonzero(section) < LEAST_PIXELS:
        return False
    inside = np.argwhere(section)
    extent = (inside.max(axis=0) - inside.min(axis=0) + 1).max() / max(section.shape)
    if not LEAST_EXTENT <= extent <= 0.9:
        return False
    seen = boundary_contrast(image.voxels, mask.view(np.uint8), 1)
    return (
        seen is not None
        and seen.certain >= LEAST_CONTRAST
        and seen.median >= LEAST_CONTRAST
        and seen.invisible_share <= MOST_INVISIBLE
    )


def section_grid(grid: Grid, index: int) -> Grid:
    """The grid of one slice of a scan."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm(np.array([index, 0, 0]))
    return Grid((1, *grid.shape[1:]), affine)
