"""What a few labelled scans of a scanner are worth, on five synthetic hospitals.

    python -m benchmarks.adaptation --hospitals abdomen-ct heart-mr --scans 1 2 5 10 --steps 120

A hospital has one modality, one layout of the body, one contrast, one field of view and a strength of noise
that the default preset never draws. Its patients differ. Each run adapts to the first scans of a hospital and
is scored on other ones, with prompts as in ``synthfm3d evaluate``. It begins with the default model, or with
random weights of the same network, and has the same number of steps whatever the number of scans: equal
minutes that other programs cannot disturb. Nothing is chosen on the scored scans.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from synthfm3d.evaluation.datasets.cases import Case, Target, make_case
from synthfm3d.evaluation.methods.models import ModelMethod, model_method
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.evaluation.scoring.evaluate import evaluate_case
from synthfm3d.generate import generate
from synthfm3d.loading.labelled_scans import LabelledScan
from synthfm3d.loading.patches import PatchSettings
from synthfm3d.model.checkpoint import read_network, weights_path, write_network
from synthfm3d.model.volumetric import VolumetricConfig, VolumetricNetwork
from synthfm3d.synthesis.ct import CtNoiseSettings
from synthfm3d.synthesis.mr import MrNoiseSettings
from synthfm3d.synthesis.settings import (
    AnatomySettings,
    BoundarySettings,
    ContrastSettings,
    LayoutShares,
    NoiseSettings,
    SynthesisSettings,
)
from synthfm3d.synthesis.ultrasound import UltrasoundNoiseSettings
from synthfm3d.training.adaptation import adapt
from synthfm3d.training.adaptation_family import AdaptationConfig
from synthfm3d.training.config import ValidationConfig
from synthfm3d.training.own_scans import own_scan
from synthfm3d.volume import Array, Modality, Volume

SEED = 800_001
LEAST_VOXELS = 150
"""Scans that show less of the structure are passed over."""
SCORED, FIRST_SCORED = 4, 500
"""Scans that are scored, and the index from which on they are taken."""
GRID = (16, 64, 64)
"""Region of the network here: scans are small."""
RANDOM = "random"
RESULTS = Path(__file__).parent / "adaptation.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospital:
    """One synthetic scanner, and the structure that is segmented there, or a layer of one."""

    structure: str
    layout: str
    modality: Modality
    pixel_mm: float
    noise: NoiseSettings
    contrast: ContrastSettings = ContrastSettings(mode="fixed", least_contrast=0.3)
    boundary: BoundarySettings = BoundarySettings(mode="fixed", psf_pixels=(1.4, 1.4))

    @property
    def settings(self) -> SynthesisSettings:
        shares = dict.fromkeys(("trunk", "abdomen", "heart", "head", "chest", "pelvis", "free"), 0.0)
        return SynthesisSettings(
            shape=(20, 80, 80),
            modalities=(self.modality,),
            pixel_mm=(self.pixel_mm, self.pixel_mm),
            anisotropy=(1.6, 1.6),
            anatomy=AnatomySettings(layouts=LayoutShares(**shares | {self.layout: 1.0})),
            contrast=self.contrast,
            boundary=self.boundary,
            noise=self.noise,
        )

    def scans(self, first: int, count: int) -> Iterator[tuple[Volume, Array]]:
        """Scans that show enough of the structure, each with its mask, from an index on."""
        index = first
        while count:
            image, mask = self._scan(index)
            index += 1
            if mask.sum() >= LEAST_VOXELS:
                count -= 1
                yield image, mask

    def _scan(self, index: int) -> tuple[Volume, Array]:
        volume = generate(SEED, index, self.settings)
        labels = [
            layer.label
            for structure in volume.scene.anatomy.structures
            for layer in structure.layers
            if layer.label and self.structure in (structure.name, layer.name)
        ]
        return volume.image, np.isin(volume.labels.voxels, labels)


HOSPITALS = {
    "abdomen-ct": Hospital(
        structure="liver",
        layout="abdomen",
        modality="ct",
        pixel_mm=4.5,
        noise=NoiseSettings(
            mode="fixed",
            ct=CtNoiseSettings(noise_hu=(70.0, 70.0), ring_share=1.0),
        ),
    ),
    "abdomen-mr": Hospital(
        structure="spleen",
        layout="abdomen",
        modality="mr",
        pixel_mm=4.5,
        noise=NoiseSettings(
            mode="fixed",
            mr=MrNoiseSettings(noise=(0.14, 0.14), bias=(0.45, 0.45), ghost_share=1.0),
        ),
    ),
    "heart-mr": Hospital(
        structure="left ventricle wall",
        layout="heart",
        modality="mr",
        pixel_mm=3.0,
        noise=NoiseSettings(
            mode="fixed",
            mr=MrNoiseSettings(noise=(0.12, 0.12), bias=(0.6, 0.6)),
        ),
    ),
    "heart-us": Hospital(
        structure="left ventricle",
        layout="heart",
        modality="us",
        pixel_mm=2.4,
        noise=NoiseSettings(
            mode="fixed",
            us=UltrasoundNoiseSettings(
                probes=("phased",), speckle_pixels=(1.9, 1.9), dynamic_range_db=(30.0, 30.0)
            ),
        ),
    ),
    "pelvis-mr": Hospital(
        structure="bladder",
        layout="pelvis",
        modality="mr",
        pixel_mm=3.6,
        noise=NoiseSettings(
            mode="fixed",
            mr=MrNoiseSettings(noise=(0.16, 0.16), bias=(0.4, 0.4), gibbs_share=1.0, kept=(0.4, 0.4)),
        ),
    ),
}
SYNTHETIC = PatchSettings(depth=(12, 24), in_plane=(96, 128))
"""Synthetic patches of small volumes, which are quickly drawn."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--hospitals", nargs="+", choices=HOSPITALS, default=list(HOSPITALS))
    arguments.add_argument("--scans", nargs="+", type=int, default=[1, 2, 5, 10])
    arguments.add_argument("--starts", nargs="+", default=["default", RANDOM])
    arguments.add_argument("--steps", type=int, default=120)
    arguments.add_argument("--output", type=Path, default=RESULTS)
    given = arguments.parse_args()
    with TemporaryDirectory(prefix="synthfm3d-") as folder:
        _run(given, start_weights(Path(folder)))


def _run(given: argparse.Namespace, default: str) -> None:
    for name in given.hospitals:
        hospital, cases = HOSPITALS[name], list(scored_cases(HOSPITALS[name]))
        place: dict[str, Any] = {"hospital": name, "start": "default", "scans": 0, "steps": 0}
        _note(given.output, place | score(model_method(default, "cpu"), cases))
        for count in given.scans:
            for start in given.starts:
                begin = RANDOM if start == RANDOM else default
                found = adapted(hospital, count, begin, given.steps, cases)
                place = {"hospital": name, "start": start, "scans": count, "steps": given.steps}
                _note(given.output, place | found)


def scored_cases(hospital: Hospital) -> Iterator[Case]:
    """The scans of a hospital that are scored."""
    for number, (image, mask) in enumerate(hospital.scans(FIRST_SCORED, SCORED)):
        target = Target(structure=hospital.structure, labels=(1,))
        yield make_case(f"scan {number}", image, image.with_voxels(mask.astype(np.uint8)), [target])


def labelled_scans(hospital: Hospital, count: int) -> list[LabelledScan]:
    """The first scans of a hospital, labelled on all slices."""
    return [own_scan(image, {hospital.structure: mask}, "all") for image, mask in hospital.scans(0, count)]


def start_weights(folder: Path) -> str:
    """The default model for regions of ``GRID``: the same weights, a third of the time."""
    path = weights_path("default")
    assert path is not None
    network, record = read_network(path)
    smaller = VolumetricNetwork(replace(network.config, grid_shape=GRID))
    smaller.load_state_dict(network.state_dict())
    write_network(folder / "model.safetensors", smaller, record)
    return str(folder)


def adapted(hospital: Hospital, count: int, start: str, steps: int, cases: Sequence[Case]) -> dict[str, Any]:
    """Scores after an adaptation to so many scans; the best weights are scored, whether better or not."""
    config = AdaptationConfig(
        start=start,
        steps=steps,
        data=SYNTHETIC,
        workers=0,
        patience=1000,
        synthetic_patches=0,
        validation=ValidationConfig(patches=12),
    )
    if start == RANDOM:
        # As in training from random weights: a high rate.
        rate = replace(config.optimiser, rate=1.5e-3)
        config = replace(
            config, start=None, optimiser=rate, model=replace(VolumetricConfig(), grid_shape=GRID)
        )
    with TemporaryDirectory(prefix="synthfm3d-") as folder:
        found = adapt(labelled_scans(hospital, count), Path(folder), config, device="cpu")
        method = model_method(str(Path(folder) / "run" / "best"), "cpu")
        return score(method, cases) | {
            "held_back": found.after["validation_dice"],
            "held_back_before": found.before["validation_dice"],
            "seconds": found.seconds,
        }


def score(method: ModelMethod, cases: Sequence[Case]) -> dict[str, Any]:
    """Mean Dice of a model for each prompt, and over them."""
    dice: dict[str, list[float]] = {}
    for case in cases:
        for outcome in evaluate_case(case, [method], Protocol(prompts=("point", "box", "mask"))):
            dice.setdefault(outcome.score.prompt, []).append(outcome.score.dice)
    means = {prompt: round(float(np.mean(values)), 4) for prompt, values in dice.items()}
    return {"dice": round(float(np.mean(list(means.values()))), 4), "by_prompt": means}


def _note(path: Path, row: dict[str, Any]) -> None:
    """Add a row to the results, in place of an earlier one of the same run."""
    rows = json.loads(path.read_text()) if path.exists() else []
    same = ("hospital", "start", "scans")
    rows = [other for other in rows if any(other[key] != row[key] for key in same)] + [row]
    path.write_text(json.dumps(rows, indent=1) + "\n")
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
