"""Patches of labelled scans, like those of synthetic volumes; some slices may be unknown.

A patch is a pure function of (seed, number). Regions, prompts and their imprecision are those of training on
synthetic volumes (``patches``), except for walls around a cavity: there, a box or a click can mean the wall
or the whole, and here it means what the user has labelled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from synthfm3d.errors import InputError
from synthfm3d.intensity import assumed_modality, model_channels, windows_of
from synthfm3d.loading import patches as cutting
from synthfm3d.loading.labelled_scans import LabelledScan, Outlines
from synthfm3d.loading.patches import Patch, PatchSample, PatchSettings, make_patches, volumes_of
from synthfm3d.loading.shares import draw_patch_prompts
from synthfm3d.model.prompt_channels import prompt_channels
from synthfm3d.model.volumetric import network_input
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.prompts.simulation import pixel_well_inside
from synthfm3d.randomness import stream
from synthfm3d.regions import region_grid, resample
from synthfm3d.volume import Array, Grid

_MOST_TRIES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPatchSettings:
    """How patches of labelled scans are cut and altered.

    Parameters
    ----------
    cut
        Scales and prompts. The small objects of a user are magnified further than synthetic ones.
    turn_degrees
        Largest angle by which patches are turned in the plane, either way.
    noise
        Largest standard deviation of the noise that half of the patches get, as a share of the window.
    """

    cut: PatchSettings = PatchSettings(
        elongation=(0.7, 1.5), least_field_pixels=24, least_region_voxels=60, inversion=0.0, windowed_ct=0.1
    )
    turn_degrees: float = 12.0
    noise: float = 0.06

    def __post_init__(self) -> None:
        if not 0 <= self.turn_degrees <= 180 or not 0 <= self.noise <= 1:
            raise ValueError(f"turn_degrees must be from 0 to 180 and noise from 0 to 1, got {self}.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledPatch:
    """Channels (3, z, y, x), prompts, target and known, bool (z, y, x). Unknown voxels are no target."""

    channels: Array
    target: Array
    known: Array
    prompts: GridPrompts


class LabelledPatches:
    """Endless patches of labelled scans for one seed, each around a structure drawn by chance."""

    def __init__(
        self,
        scans: Sequence[LabelledScan],
        seed: int,
        shape: tuple[int, int, int],
        settings: LabelledPatchSettings,
    ) -> None:
        self.scans = scans
        self.seed = seed
        self.shape = shape
        self.settings = settings
        self.structures = sorted({name for scan in scans for name in scan.structures})
        self._windows = [windows_of(scan.image) for scan in scans]
        self._filled = [{name: _filled(o) for name, o in scan.structures.items()} for scan in scans]

    def __getitem__(self, number: int) -> LabelledPatch:
        """Patch of a number; InputError if forty places in turn show too little of their structure."""
        for attempt in range(_MOST_TRIES):
            draw = stream(self.seed, "labelled patch", number, attempt)
            name = str(draw.choice(self.structures))
            holding = [n for n, scan in enumerate(self.scans) if name in scan.structures]
            index = int(draw.choice(holding))
            patch = self._patch(index, name, draw)
            if patch is not None:
                return patch
        raise InputError(
            f"{', '.join(self.structures)}: the outlines are too small to learn from (less than "
            f"{self.settings.cut.least_region_voxels} voxels of a view that is magnified to "
            f"{self.settings.cut.least_field_pixels} pixels): outline more slices, or store the scan finer."
        )

    def _patch(self, index: int, name: str, draw: np.random.Generator) -> LabelledPatch | None:
        """A patch of a structure, or None if too little of it falls into the region."""
        scan, windows = self.scans[index], self._windows[index]
        outlines, grid, cut = scan.structures[name], scan.image.grid, self.settings.cut
        areas = outlines.mask[outlines.shown].sum(axis=(1, 2))
        prompt_slice = int(outlines.shown[cutting._prompt_slice(areas, draw)])
        section = outlines.mask[prompt_slice]
        by_outline = draw.random() >= cut.prompts.click
        region, prompted = self._region(grid, section, prompt_slice, by_outline, draw)
        inside, known = _labels_on(region, self._filled[index][name], outlines.known, grid)
        if inside.sum() < cut.least_region_voxels * known.mean() or not inside[prompted].any():
            return None
        if assumed_modality(scan.image) == "ct" and draw.random() < cut.windowed_ct:
            windows = cutting._random_window(windows, draw)
        image = resample(scan.image.voxels, grid, region, outside=windows.outside)
        channels = self._altered(model_channels(image, windows), draw)
        prompts = draw_patch_prompts(inside, prompted, by_outline, False, cut.prompts, draw)
        # All are rotated together; ``known`` is a fourth channel.
        turned = cutting._turned(np.concatenate([channels, known[np.newaxis]]), inside, prompts, draw)
        return LabelledPatch(
            channels=turned.channels[:3],
            target=turned.target,
            known=turned.channels[3] > 0.5,
            prompts=turned.prompts,
        )

    def _region(
        self, grid: Grid, section: Array, index: int, by_outline: bool, draw: np.random.Generator
    ) -> tuple[Grid, int]:
        """Centre of the view of a section, and the slice of the region on which it lies."""
        cut = self.settings.cut
        outline = np.argwhere(section)
        low, high = outline.min(axis=0), outline.max(axis=0)
        scale = cutting._log_uniform(draw, cut.outline_scale if by_outline else cut.click_scale)
        field = max(scale * (float((high - low).max()) + 1.0), cut.least_field_pixels) * grid.spacing_mm[1]
        middle = (low + high) / 2 if by_outline else pixel_well_inside(section, draw)
        region = region_grid(grid, grid.to_mm(np.array([index, *middle])), field, self.shape)
        region = cutting._stretched(region, cutting._log_uniform(draw, cut.elongation))
        region = _turned_in_plane(region, draw.uniform(-1, 1) * self.settings.turn_degrees)
        prompted = self.shape[0] // 2
        if draw.random() < cut.off_centre:
            aside = int(draw.integers(-(self.shape[0] * 3 // 8), self.shape[0] * 3 // 8 + 1))
            prompted, region = prompted + aside, region.moved((-aside, 0, 0))
        return region, prompted

    def _altered(self, channels: Array, draw: np.random.Generator) -> Array:
        """Gamma, and noise on half of the patches."""
        channels = channels ** np.float32(np.exp(draw.normal(0.0, 0.2)))
        if draw.random() < 0.5:
            added = draw.normal(size=channels.shape[1:]) * draw.uniform(0.0, self.settings.noise)
            channels = np.clip(channels + added, 0.0, 1.0)
        return channels.astype(np.float32)


class KnownSample(PatchSample):
    """A patch, and ``known`` float32 (1, z, y, x): 1 where its target is known."""

    known: Tensor


class MixedPatches(Dataset[KnownSample]):
    """Patches of labelled scans mixed with synthetic ones, as items of training.

    Parameters
    ----------
    synthetic_share
        Share of the items that are synthetic, spread evenly.
    """

    def __init__(self, labelled: LabelledPatches, synthetic: PatchSettings, synthetic_share: float) -> None:
        self.labelled = labelled
        self.synthetic = synthetic
        self.synthetic_share = synthetic_share
        self._group: tuple[int, list[Patch]] | None = None

    def __getitem__(self, number: int) -> KnownSample:
        turn = int(number * self.synthetic_share)
        if int((number + 1) * self.synthetic_share) == turn:
            return sample_of(self.labelled[number], number)
        patch = self._synthetic(turn)
        known = np.ones(patch.target.shape, bool)
        whole = LabelledPatch(
            channels=patch.channels, target=patch.target, known=known, prompts=patch.prompts
        )
        return sample_of(whole, number)

    def volumes(self, items: int) -> range:
        """Indices of the synthetic volumes of the seed from which this many first items may come."""
        last = int(items * self.synthetic_share) // self.synthetic.per_volume
        return range(volumes_of(last).stop if self.synthetic_share else 0)

    def _synthetic(self, turn: int) -> Patch:
        """Synthetic patch ``turn``; the others of its volume are kept, they come next."""
        group, member = divmod(turn, self.synthetic.per_volume)
        if self._group is None or self._group[0] != group:
            self._group = group, make_patches(self.labelled.seed, group, self.labelled.shape, self.synthetic)
        return self._group[1][member]


def sample_of(patch: LabelledPatch, number: int) -> KnownSample:
    """An item of training from a patch of a labelled scan."""
    prompts = prompt_channels(patch.prompts, patch.target.shape)
    kind = 2 if patch.prompts.mask is not None else 1 if len(patch.prompts.boxes) else 0
    return {
        "inputs": torch.from_numpy(network_input(patch.channels, prompts)),
        "target": torch.from_numpy(patch.target).float()[None],
        "known": torch.from_numpy(patch.known).float()[None],
        "kind": torch.tensor(kind),
        "number": torch.tensor(number),
    }


def _filled(outlines: Outlines) -> Array:
    """The mask (z, y, x) with unknown slices as the nearest known one: between outlines no object ends."""
    slices, places = np.arange(len(outlines.known)), np.flatnonzero(outlines.known)
    if len(places) == len(slices):
        return outlines.mask
    nearest = places[np.abs(slices[:, np.newaxis] - places).argmin(axis=1)]
    return np.asarray(outlines.mask[nearest])


def _labels_on(region: Grid, filled: Array, known: Array, grid: Grid) -> tuple[Array, Array]:
    """Target and known voxels of a region, bool (z, y, x).

    A slice of the region is known if the scan's nearest slice is.
    """
    to_scan = np.linalg.inv(grid.affine) @ region.affine
    index = np.rint(to_scan[0, 0] * np.arange(region.shape[0]) + to_scan[0, 3]).astype(int)
    within = (index >= 0) & (index < len(known))
    slices = within & known[np.clip(index, 0, len(known) - 1)]
    voxels = np.broadcast_to(slices[:, np.newaxis, np.newaxis], region.shape)
    return (resample(filled, grid, region, outside=0.0) > 0.5) & voxels, np.ascontiguousarray(voxels)


def _turned_in_plane(region: Grid, degrees: float) -> Grid:
    """The region turned about the middle of its slices."""
    angle = np.deg2rad(degrees)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    middle = np.array([0.0, *(n // 2 for n in region.shape[1:])])
    turn[:3, 3] = middle - turn[:3, :3] @ middle
    return Grid(region.shape, region.affine @ turn)
