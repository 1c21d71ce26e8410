"""Fit the judge of views of a model, and report how well it predicts and chooses.

    python -m benchmarks.fit_judge --model default --cache runs/judge

Uses synthetic clicks of two seeds: one for the fit, one for the report. The views of every scan are kept in
the cache, so a run that was stopped continues, and a fit with other settings takes seconds. The judge is
written beside the weights of the model; ``--no-write`` only reports.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clicks import Click, clicks_of, section_grid
from benchmarks.judge_network import fit_judge
from synthfm3d.errors import InputError
from synthfm3d.files import write_atomically
from synthfm3d.intensity import windows_of
from synthfm3d.metrics.overlap import dice
from synthfm3d.model.checkpoint import judge_path, load_model, weights_hash, weights_path
from synthfm3d.model.interface import PromptableModel
from synthfm3d.model.view_judge import ViewJudge, write_judge
from synthfm3d.prompts.prompt import Point
from synthfm3d.regions import resample
from synthfm3d.segmentation.click_search import (
    FEWEST_LOOKS,
    MOST_ALTERNATIVES,
    MOST_VIEWS,
    SAME_ANSWER,
    STEP,
    image_width_mm,
    is_settled,
    view_widths,
)
from synthfm3d.segmentation.look import CERTAINLY_NOT, Look, ModelOnScan, field_of_view_limits
from synthfm3d.segmentation.slices import Orientation
from synthfm3d.segmentation.view_features import FEATURES, ViewTable
from synthfm3d.synthesis.sampler import GENERATOR_VERSION
from synthfm3d.volume import Array, Grid

FIT_SEED, HELD_OUT_SEED = 800_001, 900_001
CLICKS_PER_SCAN = 4
BINS = 10
USUAL_SIZE = 0.12
"""Root of a target's area over the width of the image, in the middle of the synthetic clicks."""
MOST_IMPORTANT = 4.0
"""Largest weight of a click; its inverse is the smallest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedClick:
    """A click, its views, and the Dice of each view.

    Parameters
    ----------
    features
        (view, feature) after each number of looks, in rising order; the last has all views.
    dice, agreements
        (view,) on the clicked slice, and (view, view) with each other.
    """

    name: str
    group: int
    features: tuple[Array, ...]
    dice: Array
    agreements: Array


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--model", default="default")
    arguments.add_argument("--cache", type=Path, default=Path("runs/judge"))
    arguments.add_argument("--scans", type=int, default=90, help="to fit")
    arguments.add_argument("--held-out", type=int, default=30, help="scans to tell by")
    arguments.add_argument("--no-write", action="store_true")
    given = arguments.parse_args()
    path = weights_path(given.model)
    if path is None:
        raise InputError(f"{given.model}: has no weights, and no judge.")
    model = load_model(given.model, "cpu")
    folder = given.cache / f"{weights_hash(path)}-{_version(model)}"
    held_out = clicks(model, HELD_OUT_SEED, given.held_out, folder)
    fitted = clicks(model, FIT_SEED, given.scans, folder)
    features, mean, scale, layers = FEATURES, *fit_judge([c.features for c in fitted], *_truth(fitted))
    judge = ViewJudge(features=features, mean=mean, scale=scale, layers=layers, record={})
    report = tell(judge, held_out)
    print(json.dumps(report, indent=1))
    record = {"weights": weights_hash(path), "clicks": len(fitted), "seed": FIT_SEED, "held_out": report}
    judge = ViewJudge(features=features, mean=mean, scale=scale, layers=layers, record=record)
    if not given.no_write:
        write_judge(judge_path(path), judge)
        print(f"{judge_path(path)} written: {len(fitted)} clicks.")


def _truth(clicked: Sequence[JudgedClick]) -> tuple[list[Array], Array, Array]:
    """Dice of the views, scan and weight of each click."""
    groups = np.array([click.group for click in clicked])
    return [click.dice for click in clicked], groups, np.array([_importance(click) for click in clicked])


def _importance(click: JudgedClick) -> float:
    """Weight in the fit: the size of the target over ``USUAL_SIZE``, within limits.

    People prompt organs, chambers and tumours more often than small parts of them.
    """
    size = np.exp(click.features[-1][click.dice.argmax(), FEATURES.index("size_in_image")])
    return float(np.clip(size / USUAL_SIZE, 1 / MOST_IMPORTANT, MOST_IMPORTANT))


def _version(model: PromptableModel) -> str:
    """The name of the cache folder: other volumes, views or features get another folder."""
    said = repr((GENERATOR_VERSION, FEATURES, STEP, MOST_VIEWS, FEWEST_LOOKS, model.grid_shape))
    return blake2b(said.encode(), digest_size=4).hexdigest()


def clicks(model: PromptableModel, seed: int, scans: int, folder: Path) -> list[JudgedClick]:
    """The clicks on the first scans of a seed; read from the cache if they are there."""
    found: list[JudgedClick] = []
    for index in range(scans):
        stored = folder / f"{seed}_{index:04d}.npz"
        if not stored.exists():
            seen = [judged(model, click, index) for click in clicks_of(seed, index, CLICKS_PER_SCAN)]
            folder.mkdir(parents=True, exist_ok=True)
            _store(stored, seen)
            best = " ".join(f"{click.dice.max():.2f}" for click in seen)
            print(f"seed {seed}, scan {index}: best views {best}", flush=True)
        found.extend(_stored(stored, index))
    return found


def judged(model: PromptableModel, click: Click, group: int) -> JudgedClick:
    """All views of a click, each with its Dice on the clicked slice."""
    orientation, prompts = Orientation.of(click.scan, [Point(position_mm=click.position_mm)])
    scan = orientation.slices
    target = orientation.to_slices(click.scan.with_voxels(click.target.astype(np.uint8))) > 0
    on_scan = ModelOnScan(model, scan, windows_of(scan))
    centre_mm, extent_mm = scan.grid.to_mm(prompts.middle()), prompts.extent_mm
    index = round(float(prompts.middle()[0]))
    section = section_grid(scan.grid, index)
    table = ViewTable(image_width_mm(scan.grid))
    features, agreed = [], []
    for width in view_widths(scan.grid, field_of_view_limits(scan.grid, model.grid_shape, extent_mm)):
        look = on_scan.look(prompts, centre_mm, width)
        table.add(look)
        features.append(table.features)
        agreed.append(dice(_on_section(look, section), target[index]))
    kept = tuple(features[min(FEWEST_LOOKS, len(features)) - 1 :])
    return JudgedClick(
        name=click.name, group=group, features=kept, dice=np.array(agreed), agreements=table.agreements
    )


def _on_section(look: Look, section: Grid) -> Array:
    """The middle slice of a look as a mask (y, x) on a slice of the scan."""
    middle = look.region.shape[0] // 2
    logits = np.where(look.mask[middle], look.logits[middle], np.minimum(look.logits[middle], 0.0))
    on_slice = section_grid(look.region, middle)
    found = resample(logits[np.newaxis], on_slice, section, outside=CERTAINLY_NOT)
    return np.asarray(found[0] > 0)


def _store(path: Path, seen: Sequence[JudgedClick]) -> None:
    arrays: dict[str, Array] = {"names": np.array([click.name for click in seen])}
    for n, click in enumerate(seen):
        arrays |= {f"{n}.dice": click.dice, f"{n}.agreements": click.agreements}
        arrays |= {f"{n}.features{k}": table for k, table in enumerate(click.features)}
    temporary = path.with_suffix(".tmp.npz")
    np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]
    write_atomically(path, temporary.read_bytes())
    temporary.unlink()


def _stored(path: Path, group: int) -> list[JudgedClick]:
    with np.load(path) as arrays:
        return [
            JudgedClick(
                name=str(name),
                group=group,
                features=tuple(
                    arrays[f"{n}.features{k}"] for k in range(MOST_VIEWS) if f"{n}.features{k}" in arrays
                ),
                dice=arrays[f"{n}.dice"],
                agreements=arrays[f"{n}.agreements"],
            )
            for n, name in enumerate(arrays["names"])
        ]


# ---------------------------------------------------------------- how good it is


def tell(judge: ViewJudge, clicked: Sequence[JudgedClick]) -> dict[str, Any]:
    """Mean Dice of the chosen view and of others, number of looks, and predicted against true Dice."""
    credible = FEATURES.index("credibility")
    rows = [_choice(judge, click) for click in clicked]
    chosen = np.array([row["dice"] for row in rows])
    predicted = np.array([row["predicted"] for row in rows])
    report: dict[str, Any] = {
        "clicks": len(rows),
        "chosen view": _mean(chosen),
        "best of three alternatives": _mean([row["alternatives"] for row in rows]),
        "best view": _mean([click.dice.max() for click in clicked]),
        "most credible view": _mean(
            [click.dice[click.features[-1][:, credible].argmax()] for click in clicked]
        ),
        "share below 0.1": _mean(chosen < 0.1),
        "looks": _mean([row["looks"] for row in rows]),
        "error of the predicted Dice": _mean(np.abs(predicted - chosen)),
        "predicted, true, number by predicted Dice": [
            [_mean(predicted[some]), _mean(chosen[some]), int(some.sum())]
            for some in (np.floor(predicted * BINS) == n for n in range(BINS))
            if some.any()
        ],
    }
    for kind in ("ct fine", "ct small", "mr fine", "mr small", "us fine", "us small"):
        some = np.array([kind in click.name for click in clicked])
        if some.any():
            report[kind] = [_mean(chosen[some]), int(some.sum())]
    return report


def _choice(judge: ViewJudge, click: JudgedClick) -> dict[str, float]:
    """The view that a search with an early end chooses."""
    for features in click.features:
        predicted = judge.predicted_dice(FEATURES, features)
        if is_settled(predicted):
            break
    order = np.argsort(-predicted)
    offered: list[int] = []
    for view in order:
        if len(offered) < MOST_ALTERNATIVES and (click.agreements[view, offered] < SAME_ANSWER).all():
            offered.append(int(view))
    best = int(order[0])
    return {
        "dice": float(click.dice[best]),
        "predicted": float(predicted[best]),
        "alternatives": float(click.dice[offered].max()),
        "looks": float(len(predicted)),
    }


def _mean(values: Any) -> float:
    return round(float(np.mean(values)), 3)


if __name__ == "__main__":
    main()
