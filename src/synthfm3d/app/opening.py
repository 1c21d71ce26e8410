"""From a file, an upload or a synthetic volume to an open scan."""

from pathlib import Path

from synthfm3d.app.settings import Limits
from synthfm3d.app.store import OpenScan, new_id
from synthfm3d.errors import InputError
from synthfm3d.generate import LabelledVolume
from synthfm3d.io.read import ReadOptions, format_of, load
from synthfm3d.io.values import reading_at_most
from synthfm3d.io.write import Origin
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.session import MOST_STEPS, Session
from synthfm3d.volume import Volume

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


def most_steps(scan: Volume, limits: Limits) -> int:
    """How many steps of a session on this scan the limits allow to keep."""
    steps = limits.step_bytes // scan.voxels.size  # a mask has one byte for each voxel
    return min(MOST_STEPS, max(_FEWEST_STEPS, steps))


def _session(segmenter: Segmenter, scan: Volume, limits: Limits) -> Session:
    return Session(segmenter, scan, most_steps(scan, limits))
