"""The error of a user's input: the command line shows it as one line, without a traceback."""


class InputError(ValueError):
    """Something that the user gave cannot be used.

    The message says what, where, and the way out: ``"scan.nii.gz: not a NIfTI file: convert it
    first."``
    """
