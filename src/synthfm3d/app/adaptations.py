"""Adaptations of a model to the masks of visitors: one at a time, in a process of its own.

The adaptation itself is given to the server at its start, since training lies beside this layer.
"""

import asyncio
import logging
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from threading import Event, Lock, Thread
from typing import Any, Literal

from synthfm3d.app.models import OfferedModels
from synthfm3d.errors import InputError
from synthfm3d.loading.shares import SYNTHETIC_SHARE
from synthfm3d.processes import Finished, Message, Send, in_processes
from synthfm3d.volume import Array, Volume

log = logging.getLogger("synthfm3d.app")
MOST_MINUTES = 24 * 60
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_BEAT_S = 0.5
"""How often the process gives a sign, so that it can be stopped between two steps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """A scan and bool masks on its voxels, by the name of the object; masks are complete on all slices."""

    image: Volume
    masks: Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """What is adapted to what.

    Parameters
    ----------
    start
        Name of the model to begin with.
    minutes, steps
        About how long it may take; steps, if they are given, count instead.
    synthetic_share
        Share of synthetic patches among those that are learnt from.
    folder, device
        Of the new model, and where it is computed; the server fills them in.
    """

    examples: Sequence[Example]
    start: str
    minutes: float
    steps: int | None = None
    synthetic_share: float = SYNTHETIC_SHARE
    folder: Path = Path()
    device: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Dice on held-back labels before and after, and whether it rose, so that the model was written."""

    before: float
    after: float
    is_better: bool


Adapt = Callable[[Task, Send], Result]
"""Does a task in another process, and sends log entries: ``{"steps": …}`` first, then ``{"step": …}``."""
State = Literal["waiting", "running", "better", "not better", "failed", "cancelled"]


@dataclass(slots=True, kw_only=True, eq=False)
class Adaptation:
    """One adaptation and how far it is.

    Parameters
    ----------
    model
        Name of the new model, which is the path of its folder.
    scans, masks
        How many it learns from.
    step, steps
        Steps done, and in all; 0 before they are known.
    before, after
        Dice on the labels that were held back: of the model that it begins with, and the latest.
    error
        What went wrong, for the visitor.
    """

    id: str
    visitor: str
    model: str
    scans: int
    masks: int
    state: State = "waiting"
    step: int = 0
    steps: int = 0
    before: float | None = None
    after: float | None = None
    error: str | None = None
    stopped: Event = field(default_factory=Event)

    @property
    def is_over(self) -> bool:
        return self.state not in ("waiting", "running")


class Adaptations:
    """The adaptations of all visitors.

    Parameters
    ----------
    adapt
        A function that can be pickled; None: this server adapts no models.
    folder
        In which each new model gets a folder of its name.
    models
        Get the new models.
    """

    def __init__(self, adapt: Adapt | None, folder: Path, models: OfferedModels, device: str) -> None:
        self.is_offered = adapt is not None
        self._adapt = adapt
        self._folder = folder
        self._models = models
        self._device = device
        self._turn = asyncio.Lock()
        self._known: dict[str, Adaptation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, visitor: str) -> list[Adaptation]:
        """The adaptations of one visitor, in the order of their start."""
        return [one for one in self._known.values() if one.visitor == visitor]

    def start(self, name: str, visitor: str, task: Task) -> Adaptation:
        """Adapt in the background, after those that were asked for before.

        Raises InputError for a name that no folder can have or that is taken, and without a mask.
        """
        if not self.is_offered:
            raise InputError("this server adapts no models.")
        if not task.examples:
            raise InputError("there is no mask to learn from: segment something first.")
        if not _NAME.fullmatch(name):
            raise InputError("the name of the model has 1 to 40 letters, digits, - or _.")
        folder = self._folder / name
        is_asked_for = any(one.model == str(folder) and not one.is_over for one in self._known.values())
        if is_asked_for or folder.exists():
            raise InputError(f"there is a model {name} already: choose another name.")
        one = Adaptation(
            id=token_urlsafe(12),
            visitor=visitor,
            model=str(folder),
            scans=len(task.examples),
            masks=sum(len(example.masks) for example in task.examples),
        )
        self._known[one.id] = one
        task = replace(task, folder=folder, device=self._device)
        running = asyncio.create_task(self._run(one, task))
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)
        return one

    def cancel(self, identifier: str, visitor: str) -> None:
        """Stop an adaptation, or forget one that is over; KeyError if the visitor has none of this name."""
        one = self._known[identifier]
        if one.visitor != visitor:
            raise KeyError(identifier)
        one.stopped.set()
        if one.is_over:
            del self._known[identifier]
        elif one.state == "waiting":
            one.state = "cancelled"

    def stop_all(self) -> None:
        for one in self._known.values():
            one.stopped.set()

    async def _run(self, one: Adaptation, task: Task) -> None:
        async with self._turn:
            if one.stopped.is_set():
                return
            one.state = "running"
            try:
                one.state = await asyncio.to_thread(self._watch, one, task)
            except InputError as error:
                one.state, one.error = "failed", str(error)
            except (
                Exception
            ) as error:  # another exception of the process, or a process that cannot be started
                log.error("an adaptation failed: %s", str(error).strip().splitlines()[-1])
                one.state, one.error = "failed", "the adaptation failed; the server's log has the reason."
            if one.state == "better":
                self._models.add(one.model)
            else:
                await asyncio.to_thread(shutil.rmtree, task.folder, ignore_errors=True)

    def _watch(self, one: Adaptation, task: Task) -> State:
        assert self._adapt is not None
        start = partial(_start, self._adapt)
        with closing(in_processes([task], start, workers=1)) as events:
            for event in events:
                if one.stopped.is_set():
                    return "cancelled"
                if isinstance(event, Message):
                    _note(one, event.value)
                elif isinstance(event, Finished):
                    one.before, one.after = event.result.before, event.result.after
                    return "better" if event.result.is_better else "not better"
                else:
                    raise InputError("the adaptation was killed: the memory may be full.")
        raise RuntimeError("the process ended without a result.")


def _note(one: Adaptation, entry: Mapping[str, Any]) -> None:
    one.steps = entry.get("steps", one.steps)
    one.step = entry.get("step", one.step)
    dice = entry.get("validation_dice")
    if dice is not None and one.before is None:
        one.before = dice
    elif dice is not None:
        one.after = dice


def _start(adapt: Adapt) -> Adapt:
    return partial(_with_beats, adapt)


def _with_beats(adapt: Adapt, task: Task, send: Send) -> Result:
    """Do a task and give a sign of life twice a second."""
    one_at_a_time, done = Lock(), Event()

    def send_alone(entry: Any) -> None:
        with one_at_a_time:
            send(entry)

    def beat() -> None:
        while not done.wait(_BEAT_S):
            send_alone({})

    Thread(target=beat, daemon=True).start()
    try:
        return adapt(task, send_alone)
    finally:
        with one_at_a_time:  # the result must not be sent while a sign is
            done.set()
