"""Long work beside the event loop, so that the server answers while a model thinks.

One thread has the model, so that calls of several visitors stand in line instead of sharing two cores.
Another reads and writes scans, one at a time, so that several visitors who open large scans do not fill
the memory at once.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class SerialThread:
    """Calls that are done one after the other in a thread of their own."""

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
