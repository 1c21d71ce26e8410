"""Clips: a few slices of a synthetic volume with several objects, for the training of SAM 2.

A sample is a pure function of (seed, index). Only the slices of a clip are rendered, and about ten more to
find objects.
"""

from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from synthfm3d.intensity import Windows, model_channels, windows_of
from synthfm3d.loading.augmentation import AugmentationSettings, augmented
from synthfm3d.loading.shares import ClipPromptSettings, check_shares, draw_clip_mask, draw_clip_points
from synthfm3d.metrics.contrast import INVISIBLE, boundary_contrast
from synthfm3d.prompts.prompt import PROMPT_KINDS
from synthfm3d.randomness import key, stream
from synthfm3d.rendering.cpu import Renderer
from synthfm3d.synthesis.presets import PRESETS, Axis, Preset, without
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.synthesis.structures import MOST_LABELS
from synthfm3d.volume import Array, Grid, Volume

_PROBES = 10
"""Number of evenly spread slices of a volume in which objects are searched."""
_MOST_VOLUMES = 20
"""Number of volumes that are searched for a clip until one has a suitable object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSettings:
    """Volumes from which clips are taken, and what the clips show.

    Parameters
    ----------
    preset, off
        Preset of the synthesis, and axes of variability that are switched off: an ablation.
    volumes
        Number of volumes of the seed that clips come from; 0: ever new ones.
    depth, pixel_mm, anisotropy
        Range of slices, and as in ``SynthesisSettings``; the slices have the model's size.
    length
        Slices of a clip. A volume that has fewer shows its outermost slice again.
    strides
        Slices from one slice of a clip to the next, equally likely.
    reverse
        Share of clips that run downwards.
    ends
        Share of clips that extend beyond an end of an object, if it has one, so that it appears or vanishes.
        They teach propagation where to stop.
    most_objects
        Objects followed at a time in a volume, at most.
    whole_structure
        Share of objects that are all labels of their structure, wall and content together.
    least_pixels
        Smallest object on the prompted slice.
    """

    preset: Preset = "default"
    off: tuple[Axis, ...] = ()
    volumes: int = 0
    depth: tuple[int, int] = (16, 64)
    pixel_mm: tuple[float, float] = (0.5, 2.0)
    anisotropy: tuple[float, float] = (1.0, 5.0)
    length: int = 8
    strides: tuple[int, ...] = (1, 2)
    reverse: float = 0.5
    ends: float = 0.8
    most_objects: int = 3
    whole_structure: float = 0.35
    least_pixels: int = 20
    prompts: ClipPromptSettings = ClipPromptSettings()
    augmentation: AugmentationSettings = AugmentationSettings()

    def __post_init__(self) -> None:
        if not 1 <= self.depth[0] <= self.depth[1]:
            raise ValueError(f"depth must be a range from 1 on, got {self.depth}.")
        if not self.strides or min(self.strides) < 1:
            raise ValueError(f"strides must be 1 or more, got {self.strides}.")
        for name in ("length", "most_objects", "least_pixels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        if self.volumes < 0:
            raise ValueError(f"volumes must be 0 or more, got {self.volumes}.")
        check_shares(self, "reverse", "ends", "whole_structure")
        if self.length == 1 and self.prompts.mask > 0:
            raise ValueError(
                "length 1 leaves clips prompted by a mask nothing to learn: set length to 2 or more, or "
                "prompts.mask to 0."
            )
        self.synthesis(self.depth[0], 64)

    def synthesis(self, depth: int, image_size: int) -> SynthesisSettings:
        """Settings of a volume with ``depth`` slices of ``image_size`` pixels along an edge."""
        return replace(
            without(PRESETS[self.preset], self.off),
            shape=(depth, image_size, image_size),
            pixel_mm=self.pixel_mm,
            anisotropy=self.anisotropy,
        )


class ClipSample(TypedDict):
    """Tensors of some clips that go through the network together.

    Parameters
    ----------
    slices
        float32 (clip, slice, 3, y, x) in [0, 1].
    targets, clip_of
        The objects, bool (object, slice, y, x), and the clip of each, (object,).
    prompted, corrected
        Indices of the slices that are prompted from the start, the first one first, and of those that get
        correction clicks.
    points, labels, masks
        Prompts, as ``shares`` draws them: (object, prompted slice, 3, 2), (object, prompted slice, 3) and
        (object, prompted slice, y, x). Masks are empty, (…, 0, 0), unless masks are the prompt.
    kind
        Index in ``PROMPT_KINDS``.
    key
        Seed of everything that is drawn later: corrections, dropout.
    """

    slices: Tensor
    targets: Tensor
    clip_of: Tensor
    prompted: Tensor
    corrected: Tensor
    points: Tensor
    labels: Tensor
    masks: Tensor
    kind: Tensor
    key: Tensor


class ClipDataset(Dataset[ClipSample]):
    """Samples of ``clips`` clips with the same prompted slice, by number."""

    def __init__(self, seed: int, clips: int, image_size: int, settings: ClipSettings) -> None:
        self.seed = seed
        self.clips = clips
        self.image_size = image_size
        self.settings = settings

    def __getitem__(self, index: int) -> ClipSample:
        settings = self.settings
        draw = stream(self.seed, "clips", index)
        first = int(draw.integers(settings.length))
        kind = settings.prompts.draw_kind(draw)
        made = [
            make_clip(self.seed, index * self.clips + n, first, self.image_size, settings)
            for n in range(self.clips)
        ]
        targets = np.concatenate([clip.targets for clip in made])
        prompted = [first, *_second_slice(targets, first, kind, settings, draw)]
        points, labels, masks = _prompts(targets, prompted, kind, settings, draw)
        return {
            "slices": torch.from_numpy(np.stack([clip.slices for clip in made])),
            "targets": torch.from_numpy(targets),
            "clip_of": torch.tensor([n for n, clip in enumerate(made) for _ in clip.targets]),
            "prompted": torch.tensor(prompted),
            "corrected": torch.tensor(_corrected(kind, first, settings, draw), dtype=torch.int64),
            "points": torch.from_numpy(points),
            "labels": torch.from_numpy(labels),
            "masks": torch.from_numpy(masks),
            "kind": torch.tensor(PROMPT_KINDS.index(kind)),
            "key": torch.tensor(key(self.seed, "clips", index, "later")),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Slices float32 (slice, 3, y, x) in [0, 1], and objects bool (object, slice, y, x)."""

    slices: Array
    targets: Array


def clip_volumes(number: int) -> range:
    """Indices of the volumes that clip ``number`` may come from, where they are ever new ones."""
    return range(number * _MOST_VOLUMES, (number + 1) * _MOST_VOLUMES)


def volume_scene(seed: int, volume: int, image_size: int, settings: ClipSettings) -> Scene:
    """The scene of a volume that clips come from: the same whichever clip shows it."""
    low, high = settings.depth
    depth = int(stream(seed, "depth", volume).integers(low, high + 1))
    return draw_scene(seed, volume, settings.synthesis(depth, image_size))


def make_clip(seed: int, number: int, first: int, image_size: int, settings: ClipSettings) -> Clip:
    """Clip ``number`` of a seed, in which all objects are visible on slice ``first``.

    Volumes without a suitable object are skipped. Raises RuntimeError if twenty volumes in a row have none.
    """
    for attempt in range(_MOST_VOLUMES):
        draw = stream(seed, "clip", number, attempt)
        if settings.volumes:
            volume = int(draw.integers(settings.volumes))
        else:
            volume = clip_volumes(number)[attempt]
        clip = _clip_of(volume_scene(seed, volume, image_size, settings), first, settings, draw)
        if clip is not None:
            return clip
    raise RuntimeError(f"no object in {_MOST_VOLUMES} volumes satisfies {settings}.")


def _clip_of(scene: Scene, first: int, settings: ClipSettings, draw: np.random.Generator) -> Clip | None:
    depth = scene.shape[0]
    probes = np.unique(np.linspace(0, depth - 1, min(depth, _PROBES)).round().astype(int))
    renderer = Renderer(scene)
    looked = [renderer.render(range(z, z + 1)) for z in probes]
    labels = np.concatenate([label for _, label in looked])
    sizes = np.stack([np.bincount(plane.reshape(-1), minlength=MOST_LABELS + 1) for plane in labels])[:, 1:]
    seen = np.flatnonzero((sizes >= settings.least_pixels).any(axis=0)) + 1
    if not len(seen):
        return None
    # Small objects as often as large ones: a label is drawn, not a pixel.
    value = int(draw.choice(seen))
    shown = np.flatnonzero(sizes[:, value - 1] >= settings.least_pixels)
    stride = int(draw.choice(settings.strides))
    sign = -1 if draw.random() < settings.reverse else 1
    at = int(probes[draw.choice(shown)])
    # Ways on which the object ends before the volume does.
    open_ways = [1] * bool(shown[-1] < len(probes) - 1) + [-1] * bool(shown[0] > 0)
    if draw.random() < settings.ends and open_ways:
        upwards = int(draw.choice(open_ways))
        end = _end(renderer, value, probes, shown, upwards)
        # So many slices of the clip lie between the prompted one and its last towards the end.
        beyond = stride * (settings.length - 1 - first if sign == upwards else first)
        # Where too little is left of the object on the slice that this gives, another volume is tried.
        low, high = sorted((at, end))
        at = min(max(end - upwards * int(draw.integers(max(1, beyond))), low), high)
    window = np.clip(at + sign * stride * (np.arange(settings.length) - first), 0, depth - 1)
    images, planes = _rendered(renderer, window)
    objects = _objects(scene, planes[first], value, settings, draw)
    if not objects:
        return None
    masks = [np.isin(planes, values) for values in objects]
    masks = [mask for mask in masks if _visible(images, mask)]
    if not masks:
        return None
    targets = np.stack(masks)
    windows = _windows(scene, np.concatenate([image for image, _ in looked]))
    slices = np.moveaxis(model_channels(images, windows), 0, 1)
    slices, targets = augmented(slices, targets, scene.modality == "ct", settings.augmentation, draw)
    kept = targets[:, first].sum(axis=(1, 2)) >= settings.least_pixels
    return Clip(slices, targets[kept]) if kept.any() else None


def _visible(images: Array, mask: Array) -> bool:
    """Whether some part of an object's boundary shows through the noise of the clip."""
    seen = boundary_contrast(images, mask.view(np.uint8), 1)
    return seen is not None and seen.certain >= INVISIBLE


def _end(renderer: Renderer, value: int, probes: Array, shown: Array, upwards: int) -> int:
    """The outermost slice on which a label is visible above (1) or below (-1), found by halving."""
    place = int(shown[-1] if upwards > 0 else shown[0])
    inside, outside = int(probes[place]), int(probes[place])
    if 0 <= place + upwards < len(probes):
        outside = int(probes[place + upwards])
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        _, plane = renderer.render(range(middle, middle + 1))
        if (plane == value).any():
            inside = middle
        else:
            outside = middle
    return inside


def _rendered(renderer: Renderer, window: Array) -> tuple[Array, Array]:
    """Image and labels (slice, y, x) of the slices of a window, each rendered once."""
    wanted = np.unique(window)
    made = {int(z): renderer.render(range(int(z), int(z) + 1)) for z in wanted}
    images, labels = zip(*(made[int(z)] for z in window), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _objects(
    scene: Scene, plane: Array, value: int, settings: ClipSettings, draw: np.random.Generator
) -> list[list[int]]:
    """Labels of up to ``most_objects`` objects that are visible on a slice (y, x); ``value`` comes first."""
    sizes = np.bincount(plane.reshape(-1), minlength=MOST_LABELS + 1)
    families = {
        layer.label: sorted({inner.label for inner in structure.layers if inner.label})
        for structure in scene.anatomy.structures
        for layer in structure.layers
        if layer.label
    }
    others = draw.permutation(np.flatnonzero(sizes[1:] >= settings.least_pixels) + 1)
    chosen = [value, *(int(other) for other in others if other != value)][: settings.most_objects]
    return [
        families[label] if draw.random() < settings.whole_structure else [label]
        for label in chosen
        if label in families
    ]


def _windows(scene: Scene, probes: Array) -> Windows:
    """Intensity windows as of the whole volume, from slices all over it."""
    grid = Grid.from_spacing((len(probes), *scene.shape[1:]), scene.spacing_mm)
    return windows_of(Volume(voxels=probes, affine=grid.affine, modality=scene.modality))


def _second_slice(
    targets: Array, first: int, kind: str, settings: ClipSettings, draw: np.random.Generator
) -> list[int]:
    """Another slice on which all objects are visible, in a share of the samples."""
    if draw.random() >= settings.prompts.second_slice:
        return []
    if kind == "mask" and settings.length == 2:
        return []  # A slice's mask is its answer: with masks on both, nothing would be left to learn.
    visible = (targets.sum(axis=(2, 3)) >= settings.least_pixels).all(axis=0)
    visible[first] = False
    return [int(draw.choice(np.flatnonzero(visible)))] if visible.any() else []


def _corrected(kind: str, first: int, settings: ClipSettings, draw: np.random.Generator) -> list[int]:
    """Slices that are corrected, the prompted one first."""
    low, high = settings.prompts.corrected_slices
    count = min(int(draw.integers(low, high + 1)), settings.length)
    if kind == "mask" or not count or not settings.prompts.correction_clicks:
        return []
    others = draw.permutation([n for n in range(settings.length) if n != first])
    return [first, *(int(n) for n in others[: count - 1])]


def _prompts(
    targets: Array, prompted: list[int], kind: str, settings: ClipSettings, draw: np.random.Generator
) -> tuple[Array, Array, Array]:
    sections = targets[:, prompted]
    outlines = np.zeros(sections.shape if kind == "mask" else (*sections.shape[:2], 0, 0), bool)
    points, labels = [], []
    for place in np.ndindex(*sections.shape[:2]):
        drawn = draw_clip_points(sections[place], kind, settings.prompts, draw)
        points.append(drawn[0])
        labels.append(drawn[1])
        if kind == "mask":
            outlines[place] = draw_clip_mask(sections[place], settings.prompts, draw)
    shape = sections.shape[:2]
    return np.stack(points).reshape(*shape, -1, 2), np.stack(labels).reshape(*shape, -1), outlines
