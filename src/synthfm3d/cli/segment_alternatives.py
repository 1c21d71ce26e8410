"""``synthfm3d segment --alternatives``: masks of other sizes beside the one that was chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthfm3d.cli.prompt_files import PromptedObject
from synthfm3d.io.write import check_suffix
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.result import Segmentation
from synthfm3d.volume import Volume


@dataclass(frozen=True, kw_only=True, eq=False)
class Alternative:
    """Another answer for an object, and the file that it goes into."""

    label: int
    path: Path
    found: Segmentation


def other_answers(
    scan: Volume,
    objects: Sequence[PromptedObject],
    found: Mapping[int, Segmentation],
    segmenter: Segmenter,
    output: Path,
    stem: str,
) -> list[Alternative]:
    """The alternatives of all objects, without those that were chosen, best first."""
    suffix = check_suffix(output)
    ending = ".nii.gz" if suffix == ".dcm" else suffix
    others = []
    for prompted in objects:
        which = f"_{prompted.label}" if len(objects) > 1 else ""
        first = found[prompted.label]
        positions = [n for n in range(len(first.alternatives)) if n != first.chosen]
        for number, position in enumerate(positions, start=2):
            others.append(
                Alternative(
                    label=prompted.label,
                    path=output.with_name(f"{stem}{which}_alternative_{number}{ending}"),
                    found=segmenter.choose(first, position),
                )
            )
    return others


def told(alternative: Alternative) -> dict[str, Any]:
    """What the report says of an alternative."""
    view = alternative.found.alternatives[alternative.found.chosen]
    return {
        "mask": str(alternative.path),
        "voxels": int(np.count_nonzero(alternative.found.mask.voxels)),
        "diameter_mm": round(view.diameter_mm, 2),
        "predicted_dice": rounded(view.predicted_dice),
    }


def rounded(predicted_dice: float | None) -> float | None:
    """A predicted Dice as the report shows it."""
    return None if predicted_dice is None else round(predicted_dice, 3)
