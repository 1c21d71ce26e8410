"""How good a SAM 2 in training is, on clips of a seed that training never sees.

Dice is given separately for prompted slices and for slices that propagation reached, since one does not
predict the other. Two rates tell how often propagation continues beyond the end of an object, or ends
before it.
"""

import torch

from synthfm3d.loading.clips import ClipDataset
from synthfm3d.prompts.prompt import PROMPT_KINDS
from synthfm3d.training.family import on_device
from synthfm3d.training.loss import hard_dice
from synthfm3d.training.sam2_clip import ClipTracker
from synthfm3d.training.sam2_config import Sam2TrainingConfig


@torch.inference_mode()
def validate_clips(
    tracker: ClipTracker, config: Sam2TrainingConfig, device: torch.device
) -> dict[str, float]:
    """Means over objects of the held-out clips.

    - ``validation_dice_<kind>_prompted`` and ``…_propagated``: Dice where the object is visible, on
      prompted and on other slices; ``validation_dice``, by which the best is chosen, is the mean of the
      latter over kinds of prompts;
    - ``validation_over_propagation``: share of slices without the object on which there is a mask;
    - ``validation_under_propagation``: share of slices with it, not prompted, on which there is none.
    """
    tracker.eval()
    clips = ClipDataset(config.validation.seed, 1, config.model.image_size, config.data)
    dice: dict[str, list[float]] = {}
    over: list[float] = []
    under: list[float] = []
    for number in range(config.validation.patches):
        batch = on_device(clips[number], device)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            answers = tracker(batch)
        prompted = set(batch["prompted"].tolist())
        for answer in answers:
            logits = answer.rounds[-1].best_high[:, 0].float()
            truth = batch["targets"][:, answer.index]
            there, found = truth.flatten(1).any(1), (logits > 0).flatten(1).any(1)
            place = "prompted" if answer.index in prompted else "propagated"
            scores = hard_dice(logits, truth.float())[there].tolist()
            dice.setdefault(f"{PROMPT_KINDS[int(batch['kind'])]}_{place}", []).extend(scores)
            if answer.index not in prompted:
                over += found[~there].float().tolist()
                under += (~found[there]).float().tolist()
    means = {f"validation_dice_{name}": _mean(values) for name, values in sorted(dice.items()) if values}
    propagated = [value for name, value in means.items() if name.endswith("propagated")]
    rates = {"validation_over_propagation": over, "validation_under_propagation": under}
    return (
        {"validation_dice": round(_mean(propagated), 4)}
        | {name: round(value, 4) for name, value in means.items()}
        | {name: round(_mean(values), 4) for name, values in rates.items() if values}
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
