"""From a file, an upload or a synthetic volume to an open scan."""

import tempfile
from pathlib import Path

import numpy as np

from synthfm3d.app.settings import Limits
from synthfm3d.app.store import OpenScan, new_id
from synthfm3d.errors import InputError
from synthfm3d.generate import LabelledVolume
from synthfm3d.io.checks import reading_at_most
from synthfm3d.io.read import ReadOptions, format_of, load, load_labels
from synthfm3d.io.write import Origin
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.session import MOST_STEPS, Session
from synthfm3d.volume import Volume

_MOST_LABELS = 256
_HIGHEST_LABEL = 65535
_ALIKE_IN_LABELS = 0.7
"""Share of the voxels of structures that have a right neighbour of the same number."""
_FEWEST_STEPS = 8
"""Steps that can be undone, however large the scan is."""


def open_file(
    path: Path, name: str, visitor: str, options: ReadOptions, segmenter: Segmenter, limits: Limits
) -> OpenScan:
    """Read a scan for a visitor.

    Parameters
    ----------
    name
        What the visitor calls the file; it stands for the path in every sentence that comes back.

    Raises
    ------
    InputError
        It is no sound scan, or its header claims more than the limits allow.
    """
    try:
        with reading_at_most(limits.voxel_bytes):
            scan = load(path, options)
        is_dicom = format_of(path) == "dicom"
    except InputError as error:
        raise error.about(name) from error
    origin = Origin(path=path, series=options.series, frame=options.frame) if is_dicom else None
    return OpenScan(
        id=new_id(),
        name=name,
        visitor=visitor,
        scan=scan,
        session=_session(segmenter, scan, limits),
        origin=origin,
        looks_like_labels=looks_like_labels(scan),
    )


def open_drawn(
    drawn: LabelledVolume, name: str, visitor: str, segmenter: Segmenter, limits: Limits
) -> OpenScan:
    """Open a synthetic volume, which brings its truth along."""
    return OpenScan(
        id=new_id(),
        name=name,
        visitor=visitor,
        scan=drawn.image,
        session=_session(segmenter, drawn.image, limits),
        drawn=drawn,
    )


def read_label_map(content: bytes, scan: Volume, most_bytes: int) -> Volume:
    """A label map of any format from its bytes; InputError if it does not lie on the scan's grid."""
    with tempfile.TemporaryDirectory(prefix="synthfm3d_") as folder, reading_at_most(most_bytes):
        path = Path(folder) / "labels"
        path.write_bytes(content)
        try:
            return load_labels(path, on=scan.grid)
        except InputError as error:
            raise error.about("the label map") from error


def looks_like_labels(scan: Volume) -> bool:
    """Whether voxels are few whole numbers, and most of them have a neighbour of the same number.

    Grey values, even of few bits, differ from voxel to voxel; structures are of one number throughout.
    """
    voxels = scan.voxels
    if voxels.dtype.kind == "f" and not np.array_equal(voxels, np.rint(voxels)):
        return False
    if voxels.min() < 0 or voxels.max() > _HIGHEST_LABEL or not voxels.any():
        return False
    inside = voxels[..., :-1] > 0
    alike = voxels[..., :-1] == voxels[..., 1:]
    few = len(np.unique(voxels)) <= _MOST_LABELS
    return few and bool(np.count_nonzero(inside & alike) > _ALIKE_IN_LABELS * np.count_nonzero(inside))


def most_steps(scan: Volume, limits: Limits) -> int:
    """How many steps of a session on this scan the limits allow to keep."""
    steps = limits.step_bytes // scan.voxels.size  # a mask has one byte for each voxel
    return min(MOST_STEPS, max(_FEWEST_STEPS, steps))


def _session(segmenter: Segmenter, scan: Volume, limits: Limits) -> Session:
    return Session(segmenter, scan, most_steps(scan, limits))
