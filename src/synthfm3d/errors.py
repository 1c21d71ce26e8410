"""The error of a user's input: the command line shows it as one line, without a traceback."""

from collections.abc import Sequence
from pathlib import Path


class InputError(ValueError):
    """Something that the user gave cannot be used.

    Its text is ``path: what: way_out``, such as ``"scan.nii.gz: not a NIfTI file: convert it first."``

    Parameters
    ----------
    what
        What is wrong; or the whole text, where no file is concerned.
    way_out
        What the user can do about it; empty where ``what`` says so.
    path
        The file that is wrong, or the name that stands for it. None where there is none, or where its name
        must not be told, since files of patients are named after them.
    """

    def __init__(self, what: str, way_out: str = "", *, path: str | Path | None = None) -> None:
        self.what, self.way_out, self.path = what, way_out, path
        super().__init__(": ".join(str(part) for part in (path, what, way_out) if part not in (None, "")))

    def about(self, path: str | Path) -> "InputError":
        """The same error under another name of its file; one without a file gets the name."""
        return InputError(self.what, self.way_out, path=path)


class ChoiceNeeded(InputError):
    """A file holds several scans, and the user did not say which one is meant.

    Parameters
    ----------
    frames
        Number of volumes of a 4-D file or series, from which a frame is chosen; 0: none is asked for.
    series
        Descriptions of the series of a DICOM folder; the first one is series 1.
    """

    def __init__(
        self,
        what: str,
        way_out: str = "",
        *,
        path: str | Path | None = None,
        frames: int = 0,
        series: Sequence[str] = (),
    ) -> None:
        super().__init__(what, way_out, path=path)
        self.frames = frames
        self.series = tuple(series)

    def about(self, path: str | Path) -> "ChoiceNeeded":
        return ChoiceNeeded(self.what, self.way_out, path=path, frames=self.frames, series=self.series)
