"""Long work beside the event loop, so that the server answers while a model computes.

Also the first segmentation on a kind of scan, which nobody asked for: it compiles kernels and fills caches,
so that the visitor's own first prompt does not wait for them. It stops as soon as somebody prompts.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar

import numpy as np

from synthfm3d.prompts.prompt import Point
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.watching import Cancelled, Watcher, stop_if_cancelled, watched
from synthfm3d.volume import Volume

log = logging.getLogger("synthfm3d.app")
Result = TypeVar("Result")


class SerialThread:
    """A thread that makes one call after the other.

    One thread has the model: calls of several visitors wait for each other and do not share the cores.
    Another reads and writes scans: visitors who open large scans together do not fill the memory.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self.waiting = 0
        self._seconds = 0.0

    async def do(self, call: Callable[[], Result]) -> Result:
        """The result of a call, or its exception."""
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._timed, call)
        finally:
            self.waiting -= 1

    @property
    def expected_wait(self) -> float:
        """Seconds that a further call would wait, if those before it take as long as the last few."""
        return self.waiting * self._seconds

    def _timed(self, call: Callable[[], Result]) -> Result:
        start = time.monotonic()
        try:
            return call()
        finally:
            self._seconds += (time.monotonic() - start - self._seconds) / 4

    def close(self) -> None:
        """Finish the present call and drop those that wait."""
        self._thread.shutdown(wait=True, cancel_futures=True)


@dataclass(slots=True, eq=False)
class Work:
    """A call in the model's thread that a visitor waits for: its preview, and a way to stop it.

    Parameters
    ----------
    preview
        The best mask so far on the clicked slice, uint8 (1, y, x).
    shown
        How many previews there were.
    """

    cancelled: Event = field(default_factory=Event)
    preview: Volume | None = None
    shown: int = 0

    def run(self, call: Callable[[], Result]) -> Result:
        """The result of a call; raises ``Cancelled`` once ``cancelled`` is set."""
        with self._watched():
            stop_if_cancelled()
            return call()

    def _watched(self) -> AbstractContextManager[None]:
        return watched(Watcher(is_cancelled=self.cancelled.is_set, on_first_slice=self._show))

    def _show(self, mask: Volume) -> None:
        self.preview = mask
        self.shown += 1


class WarmUp:
    """Segments once on every kind of scan that is opened, beside the visitors' own prompts."""

    def __init__(self, model: SerialThread) -> None:
        self._model = model
        self._known: set[tuple[object, ...]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._work: set[Work] = set()

    def start(self, segmenter: Segmenter, scan: Volume) -> None:
        """Segment something in the middle of a scan, unless one like it was opened before."""
        kind = (segmenter.model.name, scan.voxels.dtype, scan.third_axis)
        if kind in self._known:
            return
        self._known.add(kind)
        task = asyncio.create_task(self._run(segmenter, scan))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Let a prompt go first."""
        for work in self._work:
            work.cancelled.set()

    async def _run(self, segmenter: Segmenter, scan: Volume) -> None:
        r, a, s = (float(mm) for mm in scan.grid.to_mm((np.array(scan.grid.shape) - 1) / 2))
        work = Work()
        self._work.add(work)
        try:
            click = [Point(position_mm=(r, a, s))]
            await self._model.do(lambda: work.run(lambda: segmenter.segment_with_details(scan, click)))
        except Cancelled:
            pass
        except Exception as error:  # a visitor's own prompt will tell what is wrong
            log.debug("the first segmentation failed: %s", type(error).__name__)
        finally:
            self._work.discard(work)
