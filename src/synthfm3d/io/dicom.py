"""Read DICOM: a folder of slices or a multi-frame file becomes a ``Volume``, in ``load_dicom``."""

from pathlib import Path

import numpy as np

from synthfm3d.io.checks import Doubts, check_size, with_doubts
from synthfm3d.io.dicom_geometry import OrderedSlices, order_slices
from synthfm3d.io.dicom_pixels import PixelSource
from synthfm3d.io.dicom_series import ImageStack, choose_stack, find_stacks
from synthfm3d.io.dicom_values import is_hounsfield, values_of
from synthfm3d.volume import Array, Modality, Volume

_MODALITIES: dict[str, Modality] = {"CT": "ct", "MR": "mr", "US": "us", "IVUS": "us"}
_NOT_HOUNSFIELD = "is a CT whose values are not in Hounsfield units; they are read as plain grey values."


def load_dicom(
    path: Path,
    *,
    series: str | None = None,
    frame: int | None = None,
    modality: Modality | None = None,
    allow_gaps: bool = False,
    one_series: bool = False,
) -> Volume:
    """Read a series of slices, an enhanced multi-frame image, or a cine loop.

    Parameters
    ----------
    path
        A file, or a folder that is searched with all folders below it.
    series
        Number in the list of the error message, or series instance UID, if there are several.
    frame
        Index of one of several images at the same positions (phases, echoes), from 0.
    modality
        Modality of the scan; None: that of its header.
    allow_gaps
        Interpolate over missing and uneven slices instead of refusing them.
    one_series
        Treat all images as one series.

    Returns
    -------
    Volume with voxels (z, y, x) sorted along the slice normal. Its doubts report what was repaired or
    assumed. CT is in Hounsfield units, rescaled slice by slice, and never inverted. Other modalities are
    inverted if they are MONOCHROME1.

    Raises
    ------
    InputError
        There is no series, or there are several and none was chosen; slices are missing, uneven or damaged.
    """
    stack = choose_stack(path, find_stacks(path, one_series=one_series), series)
    pixels = PixelSource()
    ordered = order_slices(path, stack, frame=frame, allow_gaps=allow_gaps, pixels=pixels)
    known = modality or _modality(stack)
    voxels, value_doubts = values_of(path, ordered.planes, stack, pixels)
    if ordered.at is not None:
        check_size(path, (len(ordered.at), stack.rows, stack.columns), 4)
        voxels = _between_slices(voxels, ordered.at)
    volume = Volume(voxels=voxels, affine=ordered.affine, modality=known, third_axis=ordered.third_axis)
    is_odd_ct = modality is None and _MODALITIES.get(stack.modality) == "ct" and known is None
    odd = (_NOT_HOUNSFIELD,) if is_odd_ct else ()
    header_doubts = _doubts_about_header(stack, known)
    return with_doubts(volume, *stack.doubts, *ordered.doubts, *odd, *header_doubts, *value_doubts)


def ordered_planes(
    path: Path,
    series: str | None,
    frame: int | None,
    *,
    allow_gaps: bool = False,
    one_series: bool = False,
) -> tuple[OrderedSlices, ImageStack]:
    """The image planes of a series in the order of the volume that ``load_dicom`` makes."""
    stack = choose_stack(path, find_stacks(path, one_series=one_series), series)
    return order_slices(path, stack, frame=frame, allow_gaps=allow_gaps, pixels=PixelSource()), stack


def slice_files(path: Path, *, one_series: bool = False) -> tuple[Path, ...]:
    """The file of each slice of the only series in a folder, in the order of ``load_dicom``."""
    ordered, _ = ordered_planes(path, None, None, one_series=one_series)
    return tuple(plane.path for plane in ordered.planes)


def _modality(stack: ImageStack) -> Modality | None:
    """The modality of a scan from its header; None for a CT that is not in Hounsfield units."""
    known = _MODALITIES.get(stack.modality)
    return None if known == "ct" and not is_hounsfield(stack) else known


def _doubts_about_header(stack: ImageStack, modality: Modality | None) -> Doubts:
    doubts = []
    if modality == "ct" and any(f.slope is None or f.intercept is None for f in stack.planes):
        doubts.append(
            "is a CT without rescale slope and intercept; its stored values are taken for Hounsfield units."
        )
    if str(stack.planes[0].header.get("BurnedInAnnotation", "NO")).upper() == "YES":
        doubts.append("has text burnt into its pixels; results contain none of its pixels.")
    return tuple(doubts)


def _between_slices(voxels: Array, at: Array) -> Array:
    """Float32 slices at fractional indices, interpolated linearly."""
    even = np.empty((len(at), *voxels.shape[1:]), np.float32)
    for n, z in enumerate(at):
        below = min(int(z), len(voxels) - 2)
        share = z - below
        even[n] = (1 - share) * voxels[below] + share * voxels[below + 1]
    return even
