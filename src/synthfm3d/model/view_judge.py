"""A judge of views: predicts the quality of a mask from numbers that are known without the truth.

A few small networks (two hidden layers), whose predictions are averaged. They are fitted to synthetic clicks
alone, for one set of weights: ``python -m benchmarks.fit_judge``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from scipy.special import expit

from synthfm3d.errors import InputError
from synthfm3d.files import write_atomically
from synthfm3d.volume import Array

_FORMAT = "synthfm3d-judge-1"
_MOST_DEVIATIONS = 5.0
"""Numbers farther from their mean than in any fit are taken for this many standard deviations."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewJudge:
    """Predicts the Dice of a view on the clicked slice.

    Parameters
    ----------
    features
        Names of the numbers that it takes.
    mean, scale
        (feature,): of these numbers in the fit.
    layers
        Weights (member, inputs, outputs) and biases (member, 1, outputs) of three layers.
    record
        How it was fitted: the hash of the weights, the number of clicks, the reliability.
    """

    features: tuple[str, ...]
    mean: Array
    scale: Array
    layers: tuple[tuple[Array, Array], ...]
    record: Mapping[str, Any]

    def predicted_dice(self, names: tuple[str, ...], values: Array) -> Array:
        """Dice in [0, 1] of each view, from named numbers (view, feature).

        Raises ValueError where a number is missing that the judge takes.
        """
        chosen = values[:, [names.index(name) for name in self.features]]
        x = np.clip((chosen - self.mean) / self.scale, -_MOST_DEVIATIONS, _MOST_DEVIATIONS)[np.newaxis]
        for weights, bias in self.layers[:-1]:
            x = x @ weights + bias
            x = x * expit(x)
        weights, bias = self.layers[-1]
        return np.asarray(expit(x @ weights + bias)[..., 0].mean(axis=0))


def write_judge(path: Path, judge: ViewJudge) -> None:
    """A judge in float32, whole or not at all; raises InputError where the file cannot be written."""
    arrays = {"mean": judge.mean, "scale": judge.scale}
    for n, (weights, bias) in enumerate(judge.layers):
        arrays |= {f"layer{n}.weights": weights, f"layer{n}.bias": bias}
    metadata = {
        "format": _FORMAT,
        "features": json.dumps(judge.features),
        "record": json.dumps(judge.record, sort_keys=True),
    }
    stored = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    write_atomically(path, save(stored, metadata))


def read_judge(path: Path) -> ViewJudge:
    """A judge from its file.

    Raises
    ------
    InputError
        The file cannot be read, or is not one of a judge.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 not a dict
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable .safetensors file ({error}).") from error
    if metadata.get("format") != _FORMAT:
        raise InputError(f"{path}: not a judge of views of this version of the package.")
    count = sum(name.endswith(".weights") for name in arrays)
    return ViewJudge(
        features=tuple(json.loads(metadata["features"])),
        mean=arrays["mean"],
        scale=arrays["scale"],
        layers=tuple((arrays[f"layer{n}.weights"], arrays[f"layer{n}.bias"]) for n in range(count)),
        record=json.loads(metadata["record"]),
    )
