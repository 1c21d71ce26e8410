"""The open scans of all visitors: each under an identifier that cannot be guessed, until it is idle."""

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe

from synthfm3d.app.messages import Source
from synthfm3d.app.settings import Limits
from synthfm3d.app.work import Work
from synthfm3d.generate import LabelledVolume
from synthfm3d.io.write import Origin
from synthfm3d.segmentation.session import Session
from synthfm3d.volume import Volume

_ID_BYTES = 24


class Full(Exception):
    """No further scan can be opened now; the message says why and the way out."""


@dataclass(slots=True, kw_only=True, eq=False)
class OpenScan:
    """A scan, what a visitor does with it, and where it came from.

    Parameters
    ----------
    id
        Whoever knows it may use the scan.
    visitor
        The visitor in whose list it is.
    origin
        The DICOM series to which a DICOM segmentation refers; None for other formats.
    drawn
        The synthetic volume that the scan is the image of, and thus the truth; None for others.
    folder
        Temporary folder of the upload that ``origin`` needs; removed with the scan.
    lock
        Held while the session is changed or read as a whole.
    source
        What was asked for when the scan was opened; None for an upload or a synthetic volume.
    model
        Name of the model that answers prompts.
    looks_like_labels
        Whether the voxels look like those of a label map.
    work
        The change that is running now, if there is one.
    names
        Names that the visitor gave to objects, by label.
    """

    id: str
    name: str
    visitor: str
    scan: Volume
    session: Session
    origin: Origin | None = None
    drawn: LabelledVolume | None = None
    folder: Path | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    source: Source | None = None
    model: str = "default"
    looks_like_labels: bool = False
    work: Work | None = None
    names: dict[int, str] = field(default_factory=dict)
    revision: int = 0
    used: float = 0.0


class Store:
    """Open scans by identifier; used from the event loop only.

    Parameters
    ----------
    limits
        Most scans and voxels, and after how long an idle one is closed.
    clock
        Seconds that only grow.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._scans: dict[str, OpenScan] = {}

    def __len__(self) -> int:
        return len(self._scans)

    def check_room(self, voxels: int = 0) -> None:
        """Raise ``Full`` if no further scan of so many voxels can be opened."""
        if len(self._scans) >= self._limits.scans:
            raise Full(f"{len(self._scans)} scans are open, no more fit: close one, or try again later.")
        held = sum(one.scan.voxels.size for one in self._scans.values())
        if held and held + voxels > self._limits.voxels:
            raise Full("the open scans fill the server's memory: close one, or try again later.")

    def add(self, opened: OpenScan) -> OpenScan:
        """Keep an open scan; raises ``Full`` as ``check_room`` does."""
        self.check_room(opened.scan.voxels.size)
        opened.used = self._clock()
        self._scans[opened.id] = opened
        return opened

    def get(self, identifier: str) -> OpenScan:
        """An open scan, which is now in use; KeyError if there is none."""
        found = self._scans[identifier]
        found.used = self._clock()
        return found

    def has(self, identifier: str) -> bool:
        """Whether a scan is open; this does not count as use."""
        return identifier in self._scans

    def of(self, visitor: str) -> list[OpenScan]:
        """The open scans of one visitor, in the order of opening."""
        return [one for one in self._scans.values() if one.visitor == visitor]

    def close(self, identifier: str) -> None:
        """Forget a scan and remove its upload; KeyError if there is none."""
        closed = self._scans.pop(identifier)
        if closed.folder is not None:
            shutil.rmtree(closed.folder, ignore_errors=True)

    def close_idle(self) -> int:
        """Close scans that were not used for too long, unless they are being changed; their number."""
        oldest = self._clock() - self._limits.idle_seconds
        idle = [i for i, one in self._scans.items() if one.used < oldest and not one.lock.locked()]
        for identifier in idle:
            self.close(identifier)
        return len(idle)

    def cancel_all(self) -> None:
        """Stop every change that is being made."""
        for one in self._scans.values():
            if one.work is not None:
                one.work.cancelled.set()

    def close_all(self) -> None:
        for identifier in list(self._scans):
            self.close(identifier)


def new_id() -> str:
    """An identifier of 192 random bits."""
    return token_urlsafe(_ID_BYTES)
