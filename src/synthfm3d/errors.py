"""Errors in a user's input. The command line shows them as one line, without a traceback."""

from collections.abc import Sequence
from pathlib import Path


class InputError(ValueError):
    """Input of the user that cannot be used.

    Its text is ``path: what: way_out``, such as ``"scan.nii.gz: not a NIfTI file: convert it first."``

    Parameters
    ----------
    what
        What is wrong; or the whole text, if no file is concerned.
    way_out
        What the user can do about it; empty if ``what`` contains it.
    path
        The file that is wrong, or a name for it. None if there is none, or if its name must not be shown,
        because files are often named after patients.
    """

    def __init__(self, what: str, way_out: str = "", *, path: str | Path | None = None) -> None:
        self.what, self.way_out, self.path = what, way_out, path
        super().__init__(": ".join(str(part) for part in (path, what, way_out) if part not in (None, "")))

    def about(self, path: str | Path) -> "InputError":
        """The same error with another path."""
        return InputError(self.what, self.way_out, path=path)


class ChoiceNeeded(InputError):
    """A file contains several scans, and the user did not choose one.

    Parameters
    ----------
    frames
        Number of volumes of a 4-D file or series, of which one must be chosen; 0: no frame is needed.
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
