"""Answers in time: a viewer that waits longer than a minute takes its connection for lost."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from synthfm3d.app.store import OpenScan

LONGEST_ANSWER = 50.0
"""Seconds after which a viewer is answered in any case. Its own patience ends after 60."""
_unfinished: set[asyncio.Task[None]] = set()
Result = TypeVar("Result")


class TooLate(Exception):
    """No answer in time; the message says what became of the prompt."""


class _Attempt:
    """One call, and a viewer that may have stopped waiting for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given_up = False
        self.begun = False

    def begin(self) -> bool:
        """Whether to make the call at all: the viewer still waits for it."""
        with self._lock:
            self.begun = not self._given_up
            return self.begun

    def finish(self, answer: Callable[[], None]) -> None:
        """Answer, if the viewer still waits."""
        with self._lock:
            if not self._given_up:
                answer()

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True


async def in_time(
    do: Callable[[Callable[[], None]], Awaitable[None]],
    opened: OpenScan,
    change: Callable[[], bool],
    answer: Callable[[bool], Result],
) -> Result:
    """Change an open scan, and answer.

    Parameters
    ----------
    do
        Makes a call in a thread: in the line of the model, or in any.
    change
        What takes long. If it is finished too late, it stands, and the next answer tells of it.
    answer
        Made of what ``change`` returned, and only if the viewer still waits.

    Raises
    ------
    TooLate
        There is no answer after ``LONGEST_ANSWER`` seconds.
    """
    attempt = _Attempt()
    answers: list[Result] = []

    def call() -> None:
        if attempt.begin():
            done = change()
            attempt.finish(lambda: answers.append(answer(done)))

    async def locked() -> None:
        async with opened.lock:
            await do(call)
            opened.revision += 1

    task = asyncio.create_task(locked())
    _unfinished.add(task)
    task.add_done_callback(_forget)
    await asyncio.wait({task}, timeout=LONGEST_ANSWER)
    attempt.give_up()
    if task.done():
        await task  # raises what the call has raised
    if answers:
        return answers[0]
    waited = f"{LONGEST_ANSWER:.0f} s"
    if attempt.begun:
        raise TooLate(f"This takes longer than {waited}; the next answer will tell what has changed.")
    raise TooLate(f"Others were first for {waited}, and the prompt was not used: try it again.")


def _forget(task: asyncio.Task[None]) -> None:
    _unfinished.discard(task)
    if not task.cancelled():
        task.exception()  # told to the viewer if it still waited
