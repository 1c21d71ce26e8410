"""How fast the default model and random weights learn from a few labelled scans.

    python -m benchmarks.adaptation_steps --hospital heart-mr --scans 2 --steps 240 --scored 40 80 160 240

Both starts are trained on the same patches of the first scans of a synthetic hospital of
``benchmarks.adaptation``. The moving average of the weights is scored after some of the steps, on patches of
other scans: once with prompts as in training, once with exact boxes and outlines, as ``synthfm3d evaluate``
draws them. Patches are cut once, so a run takes less time than one of ``benchmarks.adaptation``. Corrections
are not simulated, and no synthetic patches are mixed in.
"""

import argparse
import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.adaptation import FIRST_SCORED, GRID, HOSPITALS, RANDOM, SCORED, Hospital
from synthfm3d.loading.labelled_patches import (
    KnownSample,
    LabelledPatches,
    LabelledPatchSettings,
    sample_of,
)
from synthfm3d.model.checkpoint import read_network, weights_path
from synthfm3d.model.volumetric import VolumetricNetwork
from synthfm3d.prompts.prompt import PROMPT_KINDS
from synthfm3d.synthesis.sampler import GENERATOR_VERSION
from synthfm3d.training.adaptation_family import AdaptationConfig, means_by_kind
from synthfm3d.training.config import OptimiserConfig
from synthfm3d.training.family import hard_dice
from synthfm3d.training.own_scans import own_scan
from synthfm3d.training.volumetric import segmentation_loss

RESULTS = Path(__file__).parent / "adaptation_steps.json"
MIXED, EXACT = 24, 16
"""Scored patches with prompts as in training, and with exact ones."""
RATES = {"default": 1e-3, RANDOM: 1.5e-3}
BATCH = 2


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--hospital", choices=HOSPITALS, required=True)
    arguments.add_argument("--scans", type=int, required=True)
    arguments.add_argument("--steps", type=int, default=240)
    arguments.add_argument("--patches", type=int, default=160, help="of the labelled scans; shown in turn")
    arguments.add_argument("--scored", type=int, nargs="+", default=[40, 80, 160, 240])
    arguments.add_argument("--output", type=Path, default=RESULTS)
    given = arguments.parse_args()
    torch.set_flush_denormal(True)
    hospital = HOSPITALS[given.hospital]
    usual = LabelledPatchSettings()
    mixed = patches(hospital, FIRST_SCORED, SCORED, MIXED, 1_000_003, usual)
    exact = patches(hospital, FIRST_SCORED, SCORED, EXACT, 3, exact_prompts(usual))
    shown = patches(hospital, 0, given.scans, given.patches, 0, usual)
    place = {"hospital": given.hospital, "scans": given.scans, "of_steps": given.steps}
    unadapted = {"start": "default", "steps": 0, "mixed": score(network("default"), mixed)}
    rows = [place | unadapted | {"exact": score(network("default"), exact)}]
    for start in RATES:
        for step, average in trained(start, shown, given.steps, given.scored):
            found = {"mixed": score(average, mixed), "exact": score(average, exact)}
            rows.append(place | {"start": start, "steps": step} | found)
            print(json.dumps(rows[-1]), flush=True)
    note(given.output, rows)


def exact_prompts(usual: LabelledPatchSettings) -> LabelledPatchSettings:
    """Patches without augmentation, with exact boxes and outlines at the scale that the predictor uses."""
    prompts = replace(
        usual.cut.prompts, click=0.0, box=0.5, negative=0.0, imperfect=0.0, second_slice=0.0, handed_on=0.0,
        solid_box=0.0, box_jitter=(0.0, 0.0), loose_box=0.0,
    )  # fmt: skip
    cut = replace(
        usual.cut, elongation=(1.0, 1.0), outline_scale=(2.25, 2.25), off_centre=0.0, prompts=prompts
    )
    return LabelledPatchSettings(cut=cut, turn_degrees=0.0, noise=0.0)


def patches(
    hospital: Hospital, first: int, scans: int, count: int, seed: int, settings: LabelledPatchSettings
) -> list[KnownSample]:
    """The first patches of scans of a hospital."""
    labelled = [own_scan(image, {hospital.structure: m}, "all") for image, m in hospital.scans(first, scans)]
    cut = LabelledPatches(labelled, seed, GRID, settings)
    return [sample_of(cut[number], number) for number in range(count)]


def network(start: str) -> VolumetricNetwork:
    """The network of the default model for regions of ``GRID``, with its weights or random ones."""
    path = weights_path("default")
    assert path is not None
    default, _ = read_network(path)
    torch.manual_seed(0)
    made = VolumetricNetwork(replace(default.config, grid_shape=GRID))
    if start != RANDOM:
        made.load_state_dict(default.state_dict())
    return made


def trained(
    start: str, shown: Sequence[KnownSample], steps: int, scored: Sequence[int]
) -> list[tuple[int, VolumetricNetwork]]:
    """Moving averages of the weights after some of the steps."""
    usual = AdaptationConfig()
    schedule: OptimiserConfig = replace(usual.optimiser, rate=RATES[start])
    model = network(start).train()
    average, kept = copy.deepcopy(model), []
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=schedule.weight_decay)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate_at(step, steps)
        batch = [shown[(step * BATCH + n) % len(shown)] for n in range(BATCH)]
        inputs = torch.stack([one["inputs"] for one in batch])
        target = torch.stack([one["target"] for one in batch])
        known = torch.stack([one["known"] for one in batch])
        loss = segmentation_loss(_logits(model, inputs), target, known).total
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), schedule.max_grad_norm)
        optimiser.step()
        decay = min(usual.averaging, (step + 1) / (step + 11))
        with torch.no_grad():
            for averaged, current in zip(average.parameters(), model.parameters(), strict=True):
                averaged.lerp_(current, 1 - decay)
        if step + 1 in scored:
            kept.append((step + 1, copy.deepcopy(average)))
    return kept


def _logits(model: VolumetricNetwork, inputs: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        logits: Tensor = model(inputs)
    return logits.float()


@torch.inference_mode()
def score(model: VolumetricNetwork, samples: Sequence[KnownSample]) -> dict[str, float]:
    """Mean Dice for each kind of prompt, and the mean of these (``mean``)."""
    model.eval()
    found = []
    for one in samples:
        dice = hard_dice(_logits(model, one["inputs"][None]), one["target"][None]).item()
        found.append((PROMPT_KINDS[int(one["kind"])], float(dice)))
    means = means_by_kind(found)
    together = means.pop("validation_dice")
    kinds = {name.removeprefix("validation_dice_"): dice for name, dice in means.items()}
    return kinds | {"mean": together}


def note(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Replace the rows of the same hospital and number of scans in the results."""
    stored = json.loads(path.read_text()) if path.exists() else []
    new = {(row["hospital"], row["scans"]) for row in rows}
    kept = [row for row in stored if (row["hospital"], row["scans"]) not in new]
    made = [row | {"generator_version": GENERATOR_VERSION} for row in rows]
    path.write_text(json.dumps(kept + made, indent=1) + "\n")


if __name__ == "__main__":
    main()
