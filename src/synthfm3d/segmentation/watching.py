"""What a caller sees of a segmentation that is under way, and how it stops one.

A page shows the mask on the clicked slice before the object was followed through all slices, and a person
may cancel. Whoever segments inside ``watched`` gets both; without it, nothing is reported or stopped.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from synthfm3d.volume import Volume


class Cancelled(Exception):
    """The caller does not want the segmentation any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """What a caller wants to know.

    Parameters
    ----------
    is_cancelled
        Asked before each look of the model and before each slice.
    on_first_slice
        Called with the best mask so far on the clicked slice: uint8 (1, y, x), 0 or 1, with its place in the
        world. It may be called several times.
    """

    is_cancelled: Callable[[], bool]
    on_first_slice: Callable[[Volume], None]


_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Let a watcher see and stop what this thread segments."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def stop_if_cancelled() -> None:
    """Raise ``Cancelled`` if the caller asks for it."""
    watcher = _watcher.get()
    if watcher is not None and watcher.is_cancelled():
        raise Cancelled


def report_first_slice(found: Callable[[], Volume]) -> None:
    """Show the caller the mask on the clicked slice; it is made only if somebody watches."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher.on_first_slice(found())
