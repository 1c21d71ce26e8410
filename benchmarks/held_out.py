"""Score a model on synthetic volumes that no training has seen, through the whole pipeline.

    python -m benchmarks.held_out --model default --volumes 30 --rounds 4

The scans have random size, spacing and modality, and are drawn from seed 900,001. Two structures of each
are prompted, closed and visible as annotators draw them. Prompts, trivial baselines, Dice and calibration
are those of ``synthfm3d evaluate``. Models are chosen by this score. ``--set``:

- ``any``: the structures that training uses, down to layers and vessels.
- ``organs``: whole, large and clear structures in thin slices, many of them lengthened, like much of what
  users prompt. Here a model with uncertain borders is worse than tools that learn nothing.
- ``long``: the same in scans of about a hundred slices, where an object takes only a part of the slices. A
  mask that continues beyond the end of its object becomes very wrong.
- ``crowded``: only CT, and every volume is crowded: many structures have a neighbour of nearly the same
  grey, and many repeat along the body. It shows leaks: masks of more than 1.5 times the true volume.
- ``fine``: structures that users prompt, on scans with the resolution of real ones (320 to 1,024 pixels a
  side); also sequences and single images of ultrasound (``benchmarks.clicks``).
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import ndimage

from benchmarks.clicks import clicks_of
from synthfm3d.evaluation.datasets.cases import Case, Target, make_case
from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox, ShrinkingMask
from synthfm3d.evaluation.methods.method import Method
from synthfm3d.evaluation.methods.models import model_method
from synthfm3d.evaluation.protocol import PROMPT_NAMES, Protocol
from synthfm3d.evaluation.scoring.evaluate import evaluate_case
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.evaluation.statistics.summary import calibration_of
from synthfm3d.generate import generate
from synthfm3d.loading.patches import PatchSettings
from synthfm3d.loading.targets import TargetSettings, drawable_targets
from synthfm3d.metrics.calibration import BINS, Reliability
from synthfm3d.randomness import stream
from synthfm3d.volume import Volume

SEED = 900_001
PER_VOLUME = 2
"""Structures that are scored of each volume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutSet:
    """A set of held-out volumes.

    Parameters
    ----------
    settings
        Settings of the volumes and of their targets.
    depths
        Slices, chosen at random.
    name, first
        Name of the random stream, and index of the first volume.
    lengths
        Factors by which volumes are lengthened through the plane; the volumes use them in turn.
    crowded
        Whether all volumes are crowded, or only the preset's share.
    """

    settings: PatchSettings
    depths: tuple[int, ...] = (32, 48, 64)
    name: str = "held out"
    first: int = 0
    lengths: tuple[float, ...] = (1.0,)
    crowded: bool = False


_WHOLE = TargetSettings(whole_structure=1.0, least_voxels=4000, least_contrast=3.0)
ORGANS = PatchSettings(anisotropy=(1.0, 1.5), targets=_WHOLE)
SETS = {
    "any": HeldOutSet(
        settings=PatchSettings(anisotropy=(1.0, 6.0), targets=TargetSettings(least_voxels=300))
    ),
    "organs": HeldOutSet(settings=ORGANS, lengths=(1.0, 1.7, 2.5)),
    "long": HeldOutSet(
        settings=replace(
            ORGANS,
            in_plane=(128,),
            pixel_mm=(1.5, 3.0),
            targets=replace(_WHOLE, least_voxels=1000, least_contrast=2.0),
        ),
        depths=(96, 112, 128),
        name="whole scan",
        first=5000,
    ),
    "crowded": HeldOutSet(
        settings=PatchSettings(preset="ct", anisotropy=(1.0, 3.0), targets=TargetSettings(least_voxels=1000)),
        name="crowded",
        first=7000,
        crowded=True,
    ),
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--model", default="default")
    arguments.add_argument("--volumes", type=int, default=30)
    arguments.add_argument("--prompts", default="point,box,mask", help="as in synthfm3d evaluate --prompt")
    arguments.add_argument("--rounds", type=int, default=0, help="clicks into what is wrong")
    arguments.add_argument("--set", default="any", choices=(*SETS, "fine"))
    given = arguments.parse_args()
    methods: list[Method] = [model_method(given.model, "cpu"), EllipsoidFromBox(), ShrinkingMask()]
    names = tuple(name for name in PROMPT_NAMES if name in given.prompts.split(","))
    protocol = Protocol(prompts=names, rounds=given.rounds, prompt_seeds=1)
    scores: list[Score] = []
    fine = given.set == "fine"
    for case in fine_cases(given.volumes) if fine else held_out_cases(given.volumes, SETS[given.set]):
        for outcome in evaluate_case(case, methods, protocol):
            scores.append(outcome.score)
        print(f"{case.name}: {', '.join(target.structure for target in case.targets)}", flush=True)
    _print_scores(scores)
    for name in names:
        found = calibration_of(
            score for score in scores if score.prompt == name
        )  # of the model: no other has one
        if found is not None:
            _print_reliability(f"voxels, {name}", found.voxels)
            _print_reliability(f"slices, {name}", found.slices)


def held_out_cases(volumes: int, held_out: HeldOutSet) -> Iterator[Case]:
    """Volumes of a set with at most two targets each, chosen as in training."""
    settings = held_out.settings
    for index in range(volumes):
        draw = stream(SEED, held_out.name, index)
        side = int(draw.choice(settings.in_plane))
        synthesis = settings.synthesis(int(draw.choice(held_out.depths)), side)
        if held_out.crowded:
            crowd = replace(synthesis.anatomy.crowd, share=1.0)
            synthesis = replace(synthesis, anatomy=replace(synthesis.anatomy, crowd=crowd))
        volume = generate(SEED, held_out.first + index, synthesis)
        label_map = np.zeros(volume.labels.voxels.shape, np.uint8)
        targets: list[Target] = []
        for target in drawable_targets(volume, settings.targets, draw):
            if label_map[target.mask].any():
                continue  # a vessel of an organ that is scored, or the organ of a vessel
            value = len(targets) + 1
            label_map[target.mask] = value
            targets.append(Target(structure=f"{volume.scene.modality} {value}", labels=(value,)))
            if len(targets) == PER_VOLUME:
                break
        if targets:
            factor = held_out.lengths[index % len(held_out.lengths)]
            longer = (
                _lengthened(volume.image, factor, 1),
                _lengthened(volume.labels.with_voxels(label_map), factor, 0),
            )
            yield make_case(f"volume {index}", *longer, targets)


def fine_cases(volumes: int) -> Iterator[Case]:
    """Scans with small pixels, each with one target."""
    for index in range(volumes):
        for click in clicks_of(SEED, index, PER_VOLUME, fine_share=1.0):
            labels = click.scan.with_voxels(click.target.astype(np.uint8))
            target = Target(structure=f"{click.scan.modality} {click.name}", labels=(1,))
            cine = click.scan.third_axis == "time"
            yield make_case(click.name, click.scan, labels, [target], cine=cine)


def _lengthened(volume: Volume, factor: float, order: Literal[0, 1]) -> Volume:
    """A volume with more slices, interpolated: its objects are longer by the factor."""
    if factor == 1:
        return volume
    zoom = (factor, 1, 1)
    longer = ndimage.zoom(volume.voxels, zoom, order=order, mode="nearest", grid_mode=True)
    return replace(volume, voxels=longer)


LEAK = 1.5
"""A mask leaks where it is larger than so many times the truth."""


def leaks(scores: Sequence[Score]) -> float:
    """Share of masks that leak."""
    return float(np.mean([score.volume_error > LEAK - 1 for score in scores]))


def _print_scores(scores: Sequence[Score]) -> None:
    groups: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for score in scores:
        groups[score.prompt, score.method].append(score)
    print("prompt, method: number, Dice, on the prompt slice, leaks, by modality, after each click, seconds")
    for (prompt, method), some in sorted(groups.items()):
        by_modality = " ".join(
            f"{modality} {np.mean(dice):.3f}"
            for modality in ("ct", "mr", "us")
            if (dice := [s.dice for s in some if s.structure.startswith(modality)])
        )
        rounds = " ".join(
            f"{np.mean([s.rounds[n].dice for s in some if len(s.rounds) > n]):.3f}"
            for n in range(max(len(s.rounds) for s in some))
        )
        print(
            f"{prompt}, {method}: {len(some)}, {np.mean([s.dice for s in some]):.3f}, "
            f"{np.mean([s.prompt_slice_dice for s in some]):.3f}, {leaks(some):.3f}, "
            f"{by_modality}, {rounds}, "
            f"{np.mean([s.seconds or 0.0 for s in some]):.2f}"
        )


def _print_reliability(name: str, sums: Reliability) -> None:
    print(f"calibration of {name}: expected error {sums.error:.3f}")
    for n, (count, given, true) in enumerate(zip(sums.count, sums.given, sums.true, strict=True)):
        if count:
            print(f"  {n / BINS:.1f}: given {given / count:.3f}, true {true / count:.3f}, of {count}")


if __name__ == "__main__":
    main()
