"""Cases and methods that other processes make for themselves, for the tests of ``evaluation.run``."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, PendingCase, Target, make_case
from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox, ShrinkingMask
from synthfm3d.evaluation.methods.method import Method
from synthfm3d.prompts.prompt import Prompt
from synthfm3d.volume import Grid, Volume

TARGETS = (Target(structure="block", labels=(1,)),)


def blocks(count: int) -> list[PendingCase]:
    """Cases with a block each, and one that cannot be read."""

    def pending(number: int) -> PendingCase:
        def read() -> Case:
            labels = np.zeros((8, 24, 24), np.uint8)
            labels[2:6, 4 : 8 + number, 5:15] = 1
            image = Volume(
                voxels=labels.astype(np.float32), affine=Grid.from_spacing(labels.shape, (3, 1, 1)).affine
            )
            return make_case(f"block {number}", image, image.with_voxels(labels), TARGETS)

        return PendingCase(name=f"block {number}", targets=TARGETS, read=read)

    def lost() -> Case:
        raise InputError("lost.nii.gz: no such file.")

    cases = [pending(number) for number in range(count)]
    return [*cases[:1], PendingCase(name="lost", targets=TARGETS, read=lost), *cases[1:]]


def baselines() -> list[Method]:
    return [EllipsoidFromBox(), ShrinkingMask()]


@dataclass(frozen=True)
class Deadly(EllipsoidFromBox):
    """Kills its process: at the block of one size always, at another until a file says that it has."""

    once: Path = Path()

    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        rows = int(scan.voxels.any(axis=(0, 2)).sum())
        if rows == 6 or (rows == 5 and not self.once.exists()):
            self.once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return EllipsoidFromBox().segment(scan, prompts)


def deadly(once: Path) -> list[Method]:
    return [Deadly(once=once)]
