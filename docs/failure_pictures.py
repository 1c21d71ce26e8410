"""Make docs/images/failures.png: where the default model fails on real scans, for the model card.

    SYNTHFM3D_SAMPLES=DIR python docs/failure_pictures.py

The structures were picked after the model had been scored, from its worst results.
"""

import os
from dataclasses import replace
from pathlib import Path

from PIL import Image

from synthfm3d.evaluation.datasets.samples import sample_cases
from synthfm3d.evaluation.methods.models import model_method
from synthfm3d.evaluation.protocol import PromptName, Protocol
from synthfm3d.evaluation.report.pictures import scored_mask_picture
from synthfm3d.evaluation.scoring.evaluate import evaluate_case
from synthfm3d.intensity import windows_of
from synthfm3d.pictures import contact_sheet

SHOWN: tuple[tuple[str, str, PromptName], ...] = (
    ("us_liver_sweep", "liver", "point"),
    ("ct_ts_torso", "lung_lower_lobe_right", "box"),
    ("ct_ts_torso", "stomach", "point"),
    ("ct_ts_torso", "pancreas", "box"),
    ("mr_ts_abdomen", "stomach", "box"),
)
"""Case, structure and prompt."""
HEIGHT_PX = 180
COLOURS = 128


def main() -> None:
    folder = Path(os.environ["SYNTHFM3D_SAMPLES"])
    pending = {case.name: case for case in sample_cases(folder)}
    model = model_method("default", "cpu")
    rows, captions = [], []
    for name, structure, prompt in SHOWN:
        case = pending[name].read()
        wanted = tuple(target for target in case.targets if target.structure == structure)
        for scored in evaluate_case(replace(case, targets=wanted), [model], Protocol(prompts=(prompt,))):
            window = windows_of(scored.image).bounds[0]
            rows.append([scored_mask_picture(scored, window, height_px=HEIGHT_PX)])
            captions.append([f"{name}, {structure}, {prompt}: Dice {scored.score.dice:.2f}"])
    sheet = Image.fromarray(contact_sheet(rows, captions)).quantize(COLOURS)
    sheet.save(Path(__file__).parent / "images" / "failures.png", optimize=True)


if __name__ == "__main__":
    main()
