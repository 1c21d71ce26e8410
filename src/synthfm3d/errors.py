"""The error of a user's input: the command line shows it as one line, without a traceback."""

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
