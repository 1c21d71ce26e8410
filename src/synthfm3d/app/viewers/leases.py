"""Who has one of the places that the server keeps for viewers, and until when."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from synthfm3d.app.settings import Limits
from synthfm3d.app.store import Full, OpenScan, Store, new_id
from synthfm3d.app.viewers.viewer_object import ViewerObject


@dataclass(slots=True, eq=False)
class Lease:
    """A viewer's place, under a token that cannot be guessed.

    Parameters
    ----------
    used
        When its user last did something.
    seen
        When its program last called, if only to say that it still runs.
    opened, viewed
        The scan that it has set, and the object in it; None before.
    """

    token: str
    used: float
    seen: float
    opened: OpenScan | None = None
    viewed: ViewerObject | None = None

    @property
    def is_at_work(self) -> bool:
        return self.opened is not None and self.opened.lock.locked()


class Leases:
    """Places of viewers by token; used from the event loop only.

    A place is taken back when its user did nothing for ``Limits.idle_seconds``, and when its program was
    silent for ``Limits.silent_seconds``: then it has crashed, or lost its network.

    Parameters
    ----------
    clock
        Seconds that only grow.
    """

    def __init__(self, limits: Limits, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._store = store
        self._clock = clock
        self._leases: dict[str, Lease] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def claim(self) -> Lease:
        """A new place; raises ``Full`` if all are taken."""
        self.take_back_unused()
        if len(self._leases) >= self._limits.viewers:
            raise Full(f"all {self._limits.viewers} places for viewers are taken: try again later.")
        now = self._clock()
        lease = Lease(new_id(), now, now)
        self._leases[lease.token] = lease
        return lease

    def find(self, token: str) -> Lease:
        """The place of a token, of which nobody is heard by this; KeyError if there is none (any more)."""
        self.take_back_unused()
        return self._leases[token]

    def get(self, token: str, *, acts: bool) -> Lease:
        """The place of a token, whose program has now been heard of; ``acts``: by a deed of its user.

        Raises KeyError if there is none (any more).
        """
        lease = self.find(token)
        lease.seen = self._clock()
        if acts:
            lease.used = lease.seen
            if lease.opened is not None:
                self._store.get(lease.opened.id)
        return lease

    def remaining(self, lease: Lease) -> float:
        """Seconds until the place is taken back if its user does nothing."""
        return max(0.0, lease.used + self._limits.idle_seconds - self._clock())

    def open(self, lease: Lease, opened: OpenScan, viewed: ViewerObject) -> None:
        """Give a place a scan, in exchange for the one that it had; raises ``Full`` if it does not fit."""
        self._close_scan(lease)
        lease.opened, lease.viewed = self._store.add(opened), viewed

    def release(self, token: str) -> None:
        """Give a place back with its scan; nothing happens if there is none."""
        lease = self._leases.pop(token, None)
        if lease is not None:
            self._close_scan(lease)

    def take_back_unused(self) -> None:
        """Take back the places that are idle or silent. One at work is neither."""
        now = self._clock()
        for lease in list(self._leases.values()):
            idle = now - lease.used > self._limits.idle_seconds
            silent = now - lease.seen > self._limits.silent_seconds
            closed = lease.opened is not None and not self._store.has(lease.opened.id)
            if closed or ((idle or silent) and not lease.is_at_work):
                self.release(lease.token)

    def _close_scan(self, lease: Lease) -> None:
        if lease.opened is not None and self._store.has(lease.opened.id):
            self._store.close(lease.opened.id)
        lease.opened = lease.viewed = None
