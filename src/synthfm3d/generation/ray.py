"""Workers of a Ray cluster, with its retries and autoscaling.

All nodes must see the folder under the same path, as on a shared file system.
"""

import os
from collections import deque
from collections.abc import Sequence
from typing import Any

from synthfm3d.errors import InputError
from synthfm3d.generation.plan import ShardTask
from synthfm3d.generation.work import MOST_DEATHS, Progress, Report, make_shard


class RayCluster:
    """A cluster by its address, or one that is started on this machine and ended afterwards.

    Parameters
    ----------
    address
        As ``ray.init`` takes it: ``"auto"``, ``"host:6379"``, ``"ray://host:10001"``; None: this machine.
    workers
        How many shards are made at a time; None: as many as the cluster has cores.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        self._address = address
        self._workers = workers

    def run(self, tasks: Sequence[ShardTask], report: Report) -> None:
        """Make all shards; see ``Engine``. A shard counts when it is complete."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage statistics are sent
        import ray

        cores = self._workers if self._address is None else None
        ray.init(self._address, num_cpus=cores, include_dashboard=False, log_to_driver=False)
        try:
            make = ray.remote(_made).options(num_cpus=1, max_retries=MOST_DEATHS - 1)
            waiting = deque(tasks)
            running: dict[Any, ShardTask] = {}
            resources: dict[str, float] = ray.cluster_resources()
            at_a_time = self._workers or 2 * max(1, int(resources.get("CPU", 1)))
            while waiting or running:
                while waiting and len(running) < at_a_time:
                    task = waiting.popleft()
                    running[make.remote(task)] = task
                (ready, *_), _ = ray.wait(list(running), num_returns=1)
                task = running.pop(ready)
                try:
                    report(ray.get(ready))
                except ray.exceptions.RayTaskError as error:
                    if isinstance(error.cause, InputError):
                        raise InputError(str(error.cause)) from None
                    raise
                except ray.exceptions.RayError as error:
                    raise RuntimeError(
                        f"{task.path}: {MOST_DEATHS} workers died while they made it: if the memory was "
                        "full, give fewer --workers or a smaller --shape."
                    ) from error
        finally:
            ray.shutdown()


def _made(task: ShardTask) -> Progress:
    """The last that is reported of a shard: it is whole."""
    last = Progress(shard=task.shard, volumes=0)

    def keep(now: Progress) -> None:
        nonlocal last
        last = now

    make_shard(task, keep)
    return last
