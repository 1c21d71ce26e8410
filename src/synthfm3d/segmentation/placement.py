"""Prompts are checked, and placed once on the voxels of a scan.

Users give prompts in millimetres. ``checked_prompts`` refuses those that cannot be used, and ``place`` turns
the others into ``PlacedPrompts``, the form that the rest of the segmentation works with.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.prompts.prompt import (
    Box,
    GridPrompts,
    Lasso,
    Mask,
    Point,
    Prompt,
    Scribble,
    box_voxels,
    is_positive,
)
from synthfm3d.prompts.scribble import filled, voxels_of_line
from synthfm3d.segmentation.prompt_kinds import (
    OnRegion,
    PlacedBox,
    PlacedMask,
    PlacedPoint,
    PlacedPrompt,
    PlacedScribble,
)
from synthfm3d.volume import Array, Grid, Part, Position, on_grid_of


def checked_prompts(prompts: Sequence[Prompt], scan: Grid, *, correcting: bool = False) -> list[Prompt]:
    """The prompts, with masks in the axis order of the scan.

    Prompts that correct an earlier mask may be negative clicks alone.

    Raises
    ------
    InputError
        Nothing says where the object is; a prompt lies outside the scan; a mask is empty or on another
        grid; a lasso does not lie in a slice.
    """
    if not correcting and not any(is_positive(prompt) for prompt in prompts):
        raise InputError("nothing says where the object is: give a positive point, a box or a mask.")
    checked = list(prompts)
    for number, prompt in enumerate(prompts):
        match prompt:
            case Mask():
                checked[number] = _checked_mask(prompt, scan)
            case Point():
                _check_inside("point", [prompt.position_mm], scan)
            case Box():
                _check_inside("box corner", [prompt.corner_mm, prompt.opposite_mm], scan)
            case Scribble():
                _check_inside("position of the scribble", prompt.positions_mm, scan)
                _stroke_voxels(prompt, scan)
            case Lasso():
                _check_inside("corner of the lasso", prompt.positions_mm, scan)
                _enclosed(prompt, scan)
    return checked


def place(prompts: Sequence[Prompt], grid: Grid) -> "PlacedPrompts":
    """Prompts on the voxels of a grid, which covers the same lattice as the grid of the mask prompts."""
    return PlacedPrompts(grid, tuple(_placed(prompt, grid) for prompt in prompts))


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPrompts:
    """All prompts of one object on the voxels of a scan, in the order in which they were given.

    Parameters
    ----------
    grid
        Grid of the scan; its first axis counts slices.
    prompts
        Prompts on this grid.
    """

    grid: Grid
    prompts: tuple[PlacedPrompt, ...]

    def __iter__(self) -> Iterator[PlacedPrompt]:
        return iter(self.prompts)

    def __len__(self) -> int:
        return len(self.prompts)

    def __add__(self, others: Iterable[PlacedPrompt]) -> Self:
        """These prompts, then others."""
        return replace(self, prompts=(*self.prompts, *others))

    def only(self, prompts: Iterable[PlacedPrompt]) -> Self:
        """Some prompts on the same grid."""
        return replace(self, prompts=tuple(prompts))

    def split(self, count: int) -> tuple[Self, Self]:
        """The first prompts, and the others."""
        return self.only(self.prompts[:count]), self.only(self.prompts[count:])

    def transposed(self, order: tuple[int, int, int], grid: Grid) -> Self:
        """The prompts on a scan whose axes are permuted, and on its grid."""
        return replace(self, grid=grid, prompts=tuple(prompt.transposed(order) for prompt in self))

    @property
    def are_clicks(self) -> bool:
        """Whether all are clicks or strokes, so that nothing tells the size of the object."""
        return not any(prompt.tells_size for prompt in self)

    @property
    def any_positive(self) -> bool:
        """Whether a prompt says where the object is; all but negative clicks do."""
        return any(prompt.positive for prompt in self)

    @property
    def negative(self) -> Self:
        """The prompts that say where the object is not."""
        return self.only(prompt for prompt in self if not prompt.positive)

    def later_clicks(self) -> Self:
        """The positive clicks and strokes after the first, if there is nothing else."""
        if not self.are_clicks:
            return self.only(())
        return self.only([prompt for prompt in self if prompt.positive][1:])

    def without(self, others: Iterable[PlacedPrompt]) -> Self:
        """The prompts that are not among others."""
        left_out = {id(prompt) for prompt in others}
        return self.only(prompt for prompt in self if id(prompt) not in left_out)

    def middle(self) -> Array:
        """Where the positive prompts are: a voxel (3,) on a prompted slice.

        In the plane it is the middle of the box around all of them; of the prompted slices it is the one
        nearest to their middle.
        """
        middle = self._corners().mean(axis=0)
        slices = [index for prompt in self if prompt.positive for index in prompt.slices]
        middle[0] = np.rint(min(slices, key=lambda index: abs(index - middle[0])))
        return np.asarray(middle)

    @property
    def extent_mm(self) -> float:
        """Larger in-plane extent of the box around all positive prompts, in mm."""
        low, high = self._corners()
        return float(((high - low + 1) * np.array(self.grid.spacing_mm))[1:].max())

    def depth_limits(self) -> tuple[int, int]:
        """First and last slice on which the object can be: those of 3-D boxes if there are any, else all."""
        depths = [depth for prompt in self if (depth := prompt.depth) is not None]
        if not depths:
            return 0, self.grid.shape[0] - 1
        return min(first for first, _ in depths), max(last for _, last in depths)

    def clicked_slices(self) -> set[int]:
        """Slices on which there are clicks or strokes."""
        return {round(float(z)) for prompt in self if not prompt.tells_size for z in prompt.slices}

    def outlined_slices(self, but: Collection[int] = ()) -> dict[int, Array]:
        """Masks (y, x) of the outlined slices by index, without some of them.

        Of several prompts that outline the same slice the first counts.
        """
        found: dict[int, Array] = {}
        for prompt in self:
            for index, outline in prompt.outlines:
                if index not in but:
                    found.setdefault(index, outline)
        return found

    def clicks_on(self, region: Grid) -> list[tuple[Array, bool]]:
        """Every click as a fractional voxel (3,) of a region, also beyond it, and whether it is positive.

        For a stroke, a few clicks that are spread along it.
        """
        return [
            (region.to_index(self.grid.to_mm(click)), prompt.positive)
            for prompt in self
            for click in prompt.clicks
        ]

    def reaching(self, region: Grid) -> Self:
        """The prompts whose middle lies in a region."""
        return self.only(
            prompt for prompt in self if region.contains(region.to_index(self.grid.to_mm(prompt.middle)))
        )

    def corrected_voxels(self) -> Iterator[tuple[Part, bool | None]]:
        """Parts of the scan that the prompts correct, and whether they join the mask; None: either."""
        for prompt in self:
            yield from prompt.corrected_voxels(self.grid)

    def missed_by(self, mask: Array) -> int:
        """Number of positive prompts of which a mask (z, y, x) of the scan holds no voxel."""
        return sum(prompt.is_missed_by(mask) for prompt in self if prompt.positive)

    def agree_with(self, mask: Array) -> bool:
        """Whether a mask (z, y, x) of the scan holds all positive clicks and no negative ones.

        A box or an outline is taken to ask for more than any mask gives.
        """
        return all(prompt.agrees_with(mask) for prompt in self)

    def on(self, region: Grid, *, whole_strokes: bool = True) -> GridPrompts:
        """The prompts on the voxels of a region whose axes run along those of the scan.

        Points become fractional voxels, and those beyond the region are left out. Boxes become the
        voxels whose centres they cover, clipped to the region; a box on a slice stays on one. A mask that
        the region reaches always leaves a voxel. Of several masks that outline the same slice the first
        counts. A stroke becomes a click on each pixel that it passes, or, if not ``whole_strokes``, a few
        clicks that are spread along it.

        Raises ValueError where no positive prompt reaches the region.
        """
        collected = OnRegion(whole_strokes=whole_strokes)
        for prompt in self:
            prompt.add_to(collected, self.grid, region)
        return GridPrompts(
            positive=self._inside(collected.positive, region),
            negative=self._inside(collected.negative, region),
            boxes=np.stack(collected.boxes) if collected.boxes else np.zeros((0, 2, 3)),
            mask=_merged(collected.masks),
        )

    def _inside(self, clicks: list[Array], region: Grid) -> Array:
        index = region.to_index(self.grid.to_mm(np.concatenate([np.zeros((0, 3)), *clicks])))
        return np.asarray(index[region.contains(index)])

    def _corners(self) -> Array:
        """Lower and upper corner (2, 3) of the box around all positive prompts."""
        corners = [prompt.corners for prompt in self if prompt.positive]
        return np.stack([np.min(corners, axis=(0, 1)), np.max(corners, axis=(0, 1))])


def _merged(masks: list[Array]) -> Array | None:
    if not masks:
        return None
    merged = masks[0].copy()
    for mask in masks[1:]:
        not_outlined = ~merged.any(axis=(1, 2))
        merged[not_outlined] = mask[not_outlined]
    return merged


# ---------------------------------------------------------------- checking


def _checked_mask(prompt: Mask, scan: Grid) -> Mask:
    if not prompt.volume.voxels.any():
        raise InputError("the mask prompt is empty: draw the object on at least one slice.")
    try:
        return replace(prompt, volume=on_grid_of(prompt.volume, scan))
    except ValueError as error:
        raise InputError(f"the mask prompt must lie on the voxels of the scan: {error}") from error


def _check_inside(what: str, positions_mm: Sequence[Position], scan: Grid) -> None:
    indices = scan.to_index(np.array(positions_mm))
    inside = np.isfinite(indices).all(axis=1) & scan.contains(indices)
    if inside.all():
        return
    first = int(inside.argmin())
    position_mm, index = positions_mm[first], indices[first]
    corners = scan.to_mm(np.array(np.meshgrid(*[(0, n - 1) for n in scan.shape])).reshape(3, -1).T)
    extent = ", ".join(
        f"{low:.0f} to {high:.0f}" for low, high in zip(corners.min(axis=0), corners.max(axis=0), strict=True)
    )
    raise InputError(
        f"the {what} at ({_numbers(position_mm)}) mm, voxel (z, y, x) = ({_numbers(index)}), lies outside "
        f"the scan, which spans ({extent}) mm and {scan.shape} voxels: check order and unit of the numbers."
    )


def _numbers(values: Sequence[float] | Array) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


# ---------------------------------------------------------------- placing


def _placed(prompt: Prompt, grid: Grid) -> PlacedPrompt:
    match prompt:
        case Point():
            return PlacedPoint(grid.to_index(np.array(prompt.position_mm)), prompt.positive)
        case Box():
            return PlacedBox(box_voxels(prompt, grid))
        case Mask():
            return PlacedMask(on_grid_of(prompt.volume, grid).voxels, prompt.exact)
        case Scribble():
            return PlacedScribble(_stroke_voxels(prompt, grid), grid.spacing_mm, prompt.positive)
        case Lasso():
            return PlacedMask(_enclosed(prompt, grid), exact=False)


def _stroke_voxels(scribble: Scribble, grid: Grid) -> Array:
    """Voxels (n, 3) that a scribble passes on a grid that it lies in."""
    places = grid.to_index(np.array(scribble.positions_mm))
    try:
        voxels = voxels_of_line(places) if scribble.joined else np.unique(np.rint(places).astype(int), axis=0)
    except ValueError as error:
        raise InputError(f"the scribble cannot be used: {error}") from error
    return np.clip(voxels, 0, np.array(grid.shape) - 1)


def _enclosed(lasso: Lasso, grid: Grid) -> Array:
    """Boolean (z, y, x): the voxels of a slice that a lasso encloses on a grid that it lies in."""
    places = grid.to_index(np.array(lasso.positions_mm))
    axis = _plane_axis(places)
    if axis is None:
        raise InputError(
            "the lasso does not lie in one slice of the scan: draw it across one of the scan's axes."
        )
    voxels = np.zeros(grid.shape, bool)
    index = int(np.clip(np.rint(places[:, axis].mean()), 0, grid.shape[axis] - 1))
    section = np.moveaxis(voxels, axis, 0)[index]
    section[:] = filled(np.delete(places, axis, axis=1), (section.shape[0], section.shape[1]))
    return voxels


def _plane_axis(places: Array) -> int | None:
    """The axis across which fractional voxels (n, 3) lie in one slice; None if there is none."""
    thickness = np.ptp(places, axis=0)
    axis = int(thickness.argmin())
    return axis if thickness[axis] < 1 - 1e-6 else None
