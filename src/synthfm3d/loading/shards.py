"""Volumes as torch datasets: shards by index or as a shuffled stream that can be resumed, or made on the fly.

The order of a stream is a function of (seed, epoch), cut among ranks and workers by counting: no sample is
repeated or left out, for any number of them.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from synthfm3d.generate import LabelledVolume, generate
from synthfm3d.randomness import stream
from synthfm3d.shards.reader import ShardFolder
from synthfm3d.shards.sample import StoredVolume, key_of
from synthfm3d.synthesis.settings import SynthesisSettings

Item = dict[str, Tensor | str]


def as_tensors(volume: StoredVolume | LabelledVolume, key: str) -> Item:
    """``image`` int16 (1, z, y, x), ``labels`` uint8 (1, z, y, x), ``affine`` float64 (4, 4), ``key``.

    Images keep their stored values, Hounsfield units for CT; ``synthfm3d.intensity`` maps them for a model.
    """
    return {
        "image": torch.from_numpy(np.ascontiguousarray(volume.image.voxels))[None],
        "labels": torch.from_numpy(np.ascontiguousarray(volume.labels.voxels))[None],
        "affine": torch.from_numpy(np.array(volume.image.affine)),
        "key": key,
    }


class ShardDataset(Dataset[Item]):
    """Volumes of a folder of shards by position; see ``as_tensors`` for what an item is."""

    def __init__(self, folder: str | Path) -> None:
        self.stored = ShardFolder(Path(folder))

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, position: int) -> Item:
        return _item(self.stored, position)


class OnTheFlyDataset(Dataset[Item]):
    """The same items as those of shards, made when they are asked for; nothing is stored.

    Item n is volume ``first + n`` of the seed, whichever worker makes it.
    """

    def __init__(self, settings: SynthesisSettings, count: int, *, seed: int = 0, first: int = 0) -> None:
        self.settings, self.count = settings, count
        self.seed, self.first = seed, first

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, position: int) -> Item:
        if not 0 <= position < self.count:
            raise IndexError(f"there is no volume {position}: {self.count} were asked for.")
        index = self.first + position
        return as_tensors(generate(self.seed, index, self.settings), key_of(self.seed, index))


class ShardStream(IterableDataset[Item]):
    """Volumes of a folder of shards in a shuffled order, divided among ranks and workers.

    Shards are shuffled, and samples within a window of a few shards, so that disks read in long runs.
    Sample ``n`` of the epoch's order goes to rank ``n % ranks``, and of a rank's samples the ``m``-th
    to worker ``m % workers``: a DataLoader that takes one sample of each worker in turn (batch size
    None) restores a rank's order.

    To resume within an epoch, give ``start``: how many samples each rank has had. Ranks, workers and
    batches may be others than before.

    Parameters
    ----------
    seed, epoch
        Name the order.
    window
        How many shards are mixed at a time; 0: nothing is shuffled.
    start
        Samples of this rank that are passed over, without being read.
    rank, ranks
        Which process of a distributed training this is.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        seed: int = 0,
        epoch: int = 0,
        window: int = 8,
        start: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        if not 0 <= rank < ranks or start < 0 or window < 0:
            raise ValueError(
                f"rank must be 0 to ranks - 1, start and window 0 or more: "
                f"got rank {rank} of {ranks}, start {start}, window {window}."
            )
        self.stored = ShardFolder(Path(folder))
        self.seed, self.epoch, self.window = seed, epoch, window
        self.start, self.rank, self.ranks = start, rank, ranks

    def __len__(self) -> int:
        """Samples of this rank from ``start`` to the end of the epoch."""
        return len(range(self.rank + self.start * self.ranks, len(self.stored), self.ranks))

    def __iter__(self) -> Iterator[Item]:
        for position in self.positions():
            yield _item(self.stored, position)

    def positions(self) -> Iterator[int]:
        """Places of the samples of this rank and worker, in their order."""
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        first = self.rank + (self.start + number) * self.ranks
        step = self.ranks * workers
        for n, position in enumerate(self._order()):
            if n >= first and (n - first) % step == 0:
                yield position

    def _order(self) -> Iterator[int]:
        """All positions of the epoch in their order, the same for every rank and worker."""
        shards = np.arange(len(self.stored.paths))
        if self.window:
            stream(self.seed, "shards", self.epoch).shuffle(shards)
        for first in range(0, len(shards), max(1, self.window)):
            group = shards[first : first + max(1, self.window)]
            positions = np.concatenate([np.array(self.stored.positions(int(n))) for n in group])
            if self.window:
                stream(self.seed, "shards", self.epoch, first).shuffle(positions)
            yield from positions.tolist()


def _item(stored: ShardFolder, position: int) -> Item:
    volume = stored[position]
    return as_tensors(volume, volume.key)
