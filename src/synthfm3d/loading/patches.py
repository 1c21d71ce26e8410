"""Patches: a region of a synthetic volume around one target, with a prompt for it.

A patch is a pure function of (seed, index); it does not depend on the worker or the order. Regions are cut by
the code that inference uses (``regions``), at the scales that it uses.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from synthfm3d.generate import LabelledVolume, generate
from synthfm3d.intensity import Windows, model_channels, windows_of
from synthfm3d.loading.shares import PromptSettings, check_shares, draw_patch_prompts
from synthfm3d.loading.targets import Target, TargetSettings, drawable_targets
from synthfm3d.model.prompt_channels import prompt_channels
from synthfm3d.model.volumetric import network_input
from synthfm3d.prompts.prompt import PROMPT_KINDS, GridPrompts
from synthfm3d.prompts.simulation import pixel_well_inside
from synthfm3d.randomness import stream
from synthfm3d.regions import CLICK_SCALE, OUTLINE_SCALE, region_grid, resample
from synthfm3d.synthesis.presets import PRESETS, Axis, Preset, without
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.volume import Array, Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSettings:
    """Which volumes patches come from and which targets they show.

    Parameters
    ----------
    preset, off
        Preset of the synthesis, and axes of variability that are switched off: an ablation.
    depth, in_plane
        Slices and pixels along an edge of the rendered volumes, chosen at random among these.
    pixel_mm, anisotropy
        As in ``SynthesisSettings``.
    per_volume
        Patches that are cut from one volume, each around another target. Rendering a volume takes longer
        than cutting a patch.
    click_scale
        Range of the field of view over the target's extent where only clicks say where it is.
    outline_scale
        The same where a box or mask tells the extent.
    elongation
        Range of factors by which patches are stretched through the plane: many organs run along the body.
    least_field_pixels
        Smallest field of view, in pixels of the volume: smaller targets are not magnified further.
    least_region_voxels
        Smallest target in the patch.
    off_centre
        Share of patches whose prompted slice is not the middle one, as where a long object is followed.
    inversion
        Share of patches (not in Hounsfield units) that are shown in negative.
    windowed_ct
        Share of CT patches that enter through one random window instead of the three fixed ones.
    """

    preset: Preset = "default"
    off: tuple[Axis, ...] = ()
    depth: tuple[int, ...] = (12, 24, 32, 48, 64)
    in_plane: tuple[int, ...] = (128, 160, 192)
    pixel_mm: tuple[float, float] = (0.5, 2.0)
    anisotropy: tuple[float, float] = (1.0, 8.0)
    per_volume: int = 4
    click_scale: tuple[float, float] = CLICK_SCALE
    outline_scale: tuple[float, float] = OUTLINE_SCALE
    elongation: tuple[float, float] = (0.5, 4.0)
    least_field_pixels: int = 32
    least_region_voxels: int = 600
    off_centre: float = 0.35
    inversion: float = 0.15
    windowed_ct: float = 0.3
    targets: TargetSettings = TargetSettings()
    prompts: PromptSettings = PromptSettings()

    def __post_init__(self) -> None:
        if not self.depth or not self.in_plane:
            raise ValueError("depth and in_plane need at least one size each.")
        if self.per_volume < 1:
            raise ValueError(f"per_volume must be 1 or more, got {self.per_volume}.")
        for size in self.in_plane:
            self.synthesis(min(self.depth), size)
        for name in ("click_scale", "outline_scale", "elongation"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} must be a range 0 < low <= high, got ({low}, {high}).")
        check_shares(self, "off_centre", "inversion", "windowed_ct")

    def synthesis(self, depth: int, in_plane: int) -> SynthesisSettings:
        """Settings of a volume with this many slices, of this many pixels along an edge."""
        return replace(
            without(PRESETS[self.preset], self.off),
            shape=(depth, in_plane, in_plane),
            pixel_mm=self.pixel_mm,
            anisotropy=self.anisotropy,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patch:
    """One training sample: channels (3, z, y, x), target bool (z, y, x), and its prompts."""

    channels: Array
    target: Array
    prompts: GridPrompts


_MOST_VOLUMES = 20


def volumes_of(group: int) -> range:
    """Indices of the volumes that the patches of a group may come from."""
    return range(group * _MOST_VOLUMES, (group + 1) * _MOST_VOLUMES)


def make_patches(seed: int, group: int, shape: tuple[int, int, int], settings: PatchSettings) -> list[Patch]:
    """The ``per_volume`` patches of a group of a seed, on grids of ``shape`` (z, y, x).

    They come from one volume, or from the next ones if it has fewer suitable targets. Raises RuntimeError if
    twenty volumes have too few.
    """
    patches: list[Patch] = []
    for attempt in range(_MOST_VOLUMES):
        draw = stream(seed, "patches", group, attempt)
        in_plane = int(draw.choice(settings.in_plane))
        synthesis = settings.synthesis(int(draw.choice(settings.depth)), in_plane)
        volume = generate(seed, volumes_of(group).start + attempt, synthesis)
        windows = windows_of(volume.image)
        for target in drawable_targets(volume, settings.targets, draw):
            patch = _patch_of(volume, windows, target, shape, settings, draw)
            if patch is not None:
                patches.append(patch)
            if len(patches) == settings.per_volume:
                return patches
    raise RuntimeError(f"{_MOST_VOLUMES} volumes have {len(patches)} targets that satisfy {settings}.")


def _patch_of(
    volume: LabelledVolume,
    windows: Windows,
    target: Target,
    shape: tuple[int, int, int],
    settings: PatchSettings,
    draw: np.random.Generator,
) -> Patch | None:
    """The patch of one target, or None if too little of it falls into the region."""
    grid = volume.image.grid
    areas = target.mask[target.box].sum(axis=(1, 2))
    prompt_slice = _prompt_slice(areas, draw) + target.box[0].start
    section = target.mask[prompt_slice]
    outline = np.argwhere(section)
    low, high = outline.min(axis=0), outline.max(axis=0)
    # A click on a wall may mean the wall alone or the whole organ.
    by_outline = target.hollow or draw.random() >= settings.prompts.click
    scale = _log_uniform(draw, settings.outline_scale if by_outline else settings.click_scale)
    extent = float((high - low).max()) + 1.0
    field = max(scale * extent, settings.least_field_pixels) * grid.spacing_mm[1]
    # The view is centred on a box or mask; clicks may lie anywhere around the centre of the view.
    middle = (low + high) / 2 if by_outline else pixel_well_inside(section, draw)
    region = region_grid(grid, grid.to_mm(np.array([prompt_slice, *middle])), field, shape)
    region = _stretched(region, _log_uniform(draw, settings.elongation))
    prompted = shape[0] // 2
    if draw.random() < settings.off_centre:
        aside = int(draw.integers(-(shape[0] * 3 // 8), shape[0] * 3 // 8 + 1))
        prompted, region = prompted + aside, region.moved((-aside, 0, 0))
    inside = resample(target.mask.astype(np.float32), grid, region, outside=0.0) > 0.5
    if inside.sum() < settings.least_region_voxels or not inside[prompted].any():
        return None
    if volume.scene.modality == "ct" and draw.random() < settings.windowed_ct:
        windows = _random_window(windows, draw)
    image = resample(volume.image.voxels, grid, region, outside=windows.outside)
    channels = _altered(model_channels(image, windows), volume, settings, draw)
    prompts = draw_patch_prompts(inside, prompted, by_outline, target.hollow, settings.prompts, draw)
    return _turned(channels, inside, prompts, draw)


def _stretched(region: Grid, factor: float) -> Grid:
    """A region stretched through the plane by a factor; its middle slice stays."""
    affine = region.affine.copy()
    affine[:3, 0] = region.affine[:3, 0] / factor
    middle = region.shape[0] // 2
    affine[:3, 3] += middle * (region.affine[:3, 0] - affine[:3, 0])
    return Grid(region.shape, affine)


def _prompt_slice(areas: Array, draw: np.random.Generator) -> int:
    """The largest slice, or any slice with a probability that grows with its area."""
    if draw.random() < 0.5:
        return int(areas.argmax())
    return int(draw.choice(len(areas), p=areas / areas.sum()))


def _random_window(windows: Windows, draw: np.random.Generator) -> Windows:
    """One window for all channels, in Hounsfield units, as a user of a viewer may choose it."""
    centre, width = draw.uniform(0.0, 120.0), _log_uniform(draw, (150.0, 1200.0))
    return Windows.repeated(centre - width / 2, centre + width / 2, windows.outside)


def _altered(
    channels: Array, volume: LabelledVolume, settings: PatchSettings, draw: np.random.Generator
) -> Array:
    """Gamma, and in some patches the negative: most scans have arbitrary units."""
    channels = channels ** np.float32(np.exp(draw.normal(0.0, 0.25)))
    if volume.scene.modality != "ct" and draw.random() < settings.inversion:
        channels = 1.0 - channels
    return channels.astype(np.float32)


def _turned(channels: Array, target: Array, prompts: GridPrompts, draw: np.random.Generator) -> Patch:
    """Flip each axis, and swap y and x, with even odds; prompts follow."""
    shape = np.array(target.shape)
    positive, negative, boxes, mask = prompts.positive, prompts.negative, prompts.boxes, prompts.mask
    for axis in range(3):
        if draw.random() < 0.5:
            channels, target = np.flip(channels, axis + 1), np.flip(target, axis)
            mask = None if mask is None else np.flip(mask, axis)
            positive, negative = (_flipped(p, axis, shape) for p in (positive, negative))
            boxes = np.sort(_flipped(boxes, axis, shape), axis=1)
    if draw.random() < 0.5 and shape[1] == shape[2]:
        channels, target = channels.swapaxes(2, 3), target.swapaxes(1, 2)
        mask = None if mask is None else mask.swapaxes(1, 2)
        positive, negative, boxes = (p[..., [0, 2, 1]] for p in (positive, negative, boxes))
    return Patch(
        channels=np.ascontiguousarray(channels),
        target=np.ascontiguousarray(target),
        prompts=GridPrompts(positive=positive, negative=negative, boxes=boxes, mask=mask),
    )


def _flipped(positions: Array, axis: int, shape: Array) -> Array:
    positions = positions.copy()
    positions[..., axis] = shape[axis] - 1 - positions[..., axis]
    return positions


def _log_uniform(draw: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(np.exp(draw.uniform(np.log(bounds[0]), np.log(bounds[1]))))


# --- As a torch dataset ---------------------------------------------------------------------------

LANES = 64
"""Distance between the numbers of two patches of the same volume, so that a batch shows many volumes. If the
size of a batch times the number of workers divides it, each volume is rendered by one worker only."""


def group_of(number: int, per_volume: int) -> tuple[int, int]:
    """The group of patches that patch ``number`` belongs to, and its place among them.

    Lanes begin at different places, so that at any time an equal share of them needs a new volume.
    """
    lane, turn = number % LANES, number // LANES
    group, member = divmod(turn + lane, per_volume)
    return group * LANES + lane, member


def volumes_of_patches(patches: int, settings: PatchSettings) -> range:
    """Indices of the volumes of a seed from which this many first patches may come."""
    last, _ = group_of(max(0, patches - 1) // LANES * LANES + LANES - 1, settings.per_volume)
    return range(volumes_of(last).stop)


class PatchSample(TypedDict):
    """Tensors of one patch.

    Parameters
    ----------
    inputs
        float32 (17, z, y, x), as ``network_input`` makes it, or the first 8 of these channels.
    target
        float32 (1, z, y, x), of 0 and 1.
    kind
        Index in ``PROMPT_KINDS``.
    number
        The number of the patch.
    """

    inputs: Tensor
    target: Tensor
    kind: Tensor
    number: Tensor


class PatchDataset(Dataset[PatchSample]):
    """Endless patches of a seed for the volumetric family, rendered on request.

    Without ``evidence`` the inputs are the channels of image and prompts only. The others follow from them
    and can be computed on the device that trains.
    """

    def __init__(
        self, seed: int, shape: tuple[int, int, int], settings: PatchSettings, *, evidence: bool = True
    ) -> None:
        self.seed = seed
        self.shape = shape
        self.settings = settings
        self.evidence = evidence
        self._groups: OrderedDict[int, list[Patch]] = OrderedDict()

    def __getitem__(self, index: int) -> PatchSample:
        patch = self.patch(index)
        prompts = prompt_channels(patch.prompts, self.shape)
        together = network_input if self.evidence else _without_evidence
        inputs = together(patch.channels, prompts)
        kind = "mask" if patch.prompts.mask is not None else "box" if len(patch.prompts.boxes) else "point"
        return {
            "inputs": torch.from_numpy(inputs),
            "target": torch.from_numpy(patch.target).float()[None],
            "kind": torch.tensor(PROMPT_KINDS.index(kind)),
            "number": torch.tensor(index),
        }

    def patch(self, index: int) -> Patch:
        """Patch number ``index``, with the others of its volume kept for when they are asked for."""
        group, member = group_of(index, self.settings.per_volume)
        if group not in self._groups:
            self._groups[group] = make_patches(self.seed, group, self.shape, self.settings)
            while len(self._groups) > LANES:
                self._groups.popitem(last=False)
        return self._groups[group][member]


def _without_evidence(channels: Array, prompts: Array) -> Array:
    return np.concatenate([channels, prompts])
