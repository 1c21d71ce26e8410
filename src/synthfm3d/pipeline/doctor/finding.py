"""What a check finds."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer of one check.

    Parameters
    ----------
    check
        What was looked at, in one to three words.
    state
        ``"fail"``: something will not work; ``"warn"``: something may not, or is slow; ``"ok"``.
    message
        What was found.
    way_out
        What mends it; empty where nothing needs to be mended.
    """

    check: str
    state: State
    message: str
    way_out: str = ""


def ok(check: str, message: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check=check, state="ok", message=message)


def warn(check: str, message: str, way_out: str) -> Finding:
    """Something may go wrong, or takes longer than it need."""
    return Finding(check=check, state="warn", message=message, way_out=way_out)


def fail(check: str, message: str, way_out: str) -> Finding:
    """Something does not work."""
    return Finding(check=check, state="fail", message=message, way_out=way_out)
