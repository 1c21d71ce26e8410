"""The error of a user's input: the command line shows it as one line, without a traceback."""

from collections.abc import Sequence


class InputError(ValueError):
    """Something that the user gave cannot be used.

    The message says what, where, and the way out: ``"scan.nii.gz: not a NIfTI file: convert it
    first."``
    """


class ChoiceNeeded(InputError):
    """A file holds several scans, and the user did not say which one is meant.

    Parameters
    ----------
    frames
        Number of volumes of a 4-D file or series, from which a frame is chosen; 0: none is asked for.
    series
        Descriptions of the series of a DICOM folder; the first one is series 1.
    """

    def __init__(self, message: str, *, frames: int = 0, series: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.frames = frames
        self.series = tuple(series)
