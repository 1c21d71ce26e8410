"""Compare networks that differ in one thing of their training, on the same held-out synthetic patches.

    synthfm3d train recipes/ablation/nano.yaml -o runs/ablation/default-1 --set seed=1
    synthfm3d train recipes/ablation/nano.yaml -o runs/ablation/noise-1 --set seed=1 --set data.off=[noise]
    python -m benchmarks.ablation runs/ablation/*

The patches are of the preset ``default`` with all four axes, whatever a network was trained on: a network
that was trained without noise is also scored on noisy volumes. Prints the Dice of each kind of prompt, one
line a run.
"""

import argparse
from pathlib import Path

import torch

from synthfm3d.model.checkpoint import read_network
from synthfm3d.training.config import TrainingConfig, ValidationConfig
from synthfm3d.training.volumetric import held_out_patches, score_patches

KINDS = ("point", "corrected", "box", "mask")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("runs", nargs="+", type=Path, help="folders of synthfm3d train")
    arguments.add_argument("--patches", type=int, default=200)
    given = arguments.parse_args()
    networks = {run.name: read_network(run / "model.safetensors")[0].eval() for run in given.runs}
    (model,) = {network.config for network in networks.values()}  # one size: all see the same patches
    config = TrainingConfig(model=model, validation=ValidationConfig(patches=given.patches))
    patches = list(held_out_patches(config))
    print(f"| run | {' | '.join(KINDS)} | mean |", f"|---|{'---|' * (len(KINDS) + 1)}", sep="\n")
    for name, network in networks.items():
        found = score_patches(network, patches, torch.device("cpu"), bf16=False)
        means = [found[f"validation_dice_{kind}"] for kind in KINDS]
        cells = " | ".join(f"{mean:.3f}" for mean in (*means, found["validation_dice"]))
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
