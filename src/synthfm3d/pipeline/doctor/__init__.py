"""Checks of this installation and this machine; each finding says how to solve the problem it reports."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    Parameters
    ----------
    check
        What was checked, in one to three words.
    state
        ``"fail"``: something will not work; ``"warn"``: something may not work, or is slow; ``"ok"``.
    message
        What was found.
    way_out
        How to solve the problem; empty if there is none.
    """

    check: str
    state: State
    message: str
    way_out: str = ""


def ok(check: str, message: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check=check, state="ok", message=message)


def warn(check: str, message: str, way_out: str) -> Finding:
    """Something may go wrong, or is slower than necessary."""
    return Finding(check=check, state="warn", message=message, way_out=way_out)


def fail(check: str, message: str, way_out: str) -> Finding:
    """Something does not work."""
    return Finding(check=check, state="fail", message=message, way_out=way_out)
