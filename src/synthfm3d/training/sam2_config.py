"""The configuration of a training run of SAM 2."""

from dataclasses import dataclass
from typing import Literal

from synthfm3d.loading.clips import ClipSettings
from synthfm3d.model.sam2_sizes import Sam2Settings
from synthfm3d.training.config import RunConfig, ValidationConfig
from synthfm3d.training.sam2_groups import Part, Sam2OptimiserConfig
from synthfm3d.training.sam2_loss import Sam2LossSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam2TrainingConfig(RunConfig):
    """A training run of SAM 2.

    Parameters
    ----------
    start
        Weights to start from, as ``load_model`` takes them; None: random ones.
    frozen
        Parts that keep their weights.
    recompute
        Compute activations again for the gradient instead of keeping them: about a third less memory for a
        fifth more time.
    compile
        Compile the encoder (``torch.compile``).
    validation
        ``patches`` are clips.
    """

    family: Literal["sam2"] = "sam2"
    batch_size: int = 1
    averaging: float = 0.999
    start: str | None = None
    model: Sam2Settings = Sam2Settings()
    data: ClipSettings = ClipSettings()
    loss: Sam2LossSettings = Sam2LossSettings()
    optimiser: Sam2OptimiserConfig = Sam2OptimiserConfig()
    validation: ValidationConfig = ValidationConfig(every_steps=500, patches=16)
    frozen: tuple[Part, ...] = ()
    recompute: bool = False
    compile: bool = False
