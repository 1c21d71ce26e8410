"""Networks trained alike except for one thing, judged on the same held-out synthetic patches.

    synthfm3d train recipes/ablation/nano.yaml -o runs/ablation/default-1 --set seed=1
    synthfm3d train recipes/ablation/nano.yaml -o runs/ablation/noise-1 --set seed=1 --set data.off=[noise]
    python -m benchmarks.ablation runs/ablation/*

Patches are of the preset ``default`` with all four axes, whatever a network was trained on: one without
noise, too, is asked about noisy volumes. Dice by kind of prompt, one line a run.
"""

import argparse
from pathlib import Path

import torch

from synthfm3d.model.checkpoint import read_network
from synthfm3d.training.config import TrainingConfig, ValidationConfig
from synthfm3d.training.validation import validate

KINDS = ("point", "corrected", "box", "mask")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("runs", nargs="+", type=Path, help="folders of synthfm3d train")
    arguments.add_argument("--patches", type=int, default=200)
    given = arguments.parse_args()
    print(f"| run | {' | '.join(KINDS)} | mean |", f"|---|{'---|' * (len(KINDS) + 1)}", sep="\n")
    for run in given.runs:
        network, _ = read_network(run / "model.safetensors")
        config = TrainingConfig(
            model=network.config, precision="fp32", validation=ValidationConfig(patches=given.patches)
        )
        found = validate(network.eval(), config, torch.device("cpu"))
        means = [found[f"validation_dice_{kind}"] for kind in KINDS]
        cells = " | ".join(f"{mean:.3f}" for mean in (*means, found["validation_dice"]))
        print(f"| {run.name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
