"""Configuration of the reproduction of the paper's experiment: one file of settings, and a scale."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from synthfm3d.evaluation.datasets.cases import Split
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.training.sam2 import Sam2TrainingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetChoice:
    """A dataset of the registry: where a copy lies (None: there is none, it is left out), and its part."""

    path: str | None = None
    split: Split | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationChoice:
    """What models are compared on.

    Parameters
    ----------
    datasets
        By name of the registry.
    structures
        Only these are scored; all, if empty.
    protocol
        Prompts, slices, directions and rounds.
    share
        Share of the cases of each dataset, the first ones, at least one.
    baselines
        Score the trivial baselines beside the models.
    """

    datasets: Mapping[str, DatasetChoice] = field(default_factory=dict)
    structures: tuple[str, ...] = ()
    protocol: Protocol = Protocol()
    share: float = 1.0
    baselines: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share is a share above 0 and up to 1, got {self.share}.")

    def limit(self, cases: int) -> int:
        """Number of cases to score, of those available."""
        return max(1, math.ceil(cases * self.share))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproductionConfig:
    """The whole experiment.

    Parameters
    ----------
    pictured
        Volumes of the training that are rendered whole and shown.
    training
        The fine-tuning; its seed and data name the volumes.
    rehearsal
        The training of a run that is scaled down, in place of ``training``, whose steps and volumes it
        gets, scaled; None: a scaled run trains the same model.
    """

    pictured: int = 6
    training: Sam2TrainingConfig
    rehearsal: Sam2TrainingConfig | None = None
    evaluation: EvaluationChoice = EvaluationChoice()

    def __post_init__(self) -> None:
        if self.pictured < 1:
            raise ValueError(f"pictured must be 1 or more, got {self.pictured}.")
        if self.training.data.volumes < 1:
            raise ValueError("training.data.volumes must be 1 or more: the volumes are drawn beforehand.")

    def scaled(self, scale: float) -> "ReproductionConfig":
        """The experiment with a share of its steps, volumes and cases; ValueError unless 0 < scale <= 1."""
        if not 0 < scale <= 1:
            raise ValueError(f"scale is a share above 0 and up to 1, got {scale}.")
        if scale == 1:
            return self
        base = self.rehearsal or self.training
        volumes = max(1, round(self.training.data.volumes * scale))
        training = replace(
            base,
            steps=max(1, round(self.training.steps * scale)),
            data=replace(base.data, preset=self.training.data.preset, volumes=volumes),
        )
        evaluation = replace(self.evaluation, share=self.evaluation.share * scale)
        return replace(self, training=training, evaluation=evaluation, pictured=min(self.pictured, volumes))
