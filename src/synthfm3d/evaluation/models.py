"""Models as methods: a segmenter under the name that the user gave, with the hash of its weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from synthfm3d.evaluation.method import PROMPT_KINDS, PromptKind
from synthfm3d.prompts.prompt import Prompt
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.volume import Volume


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelMethod:
    """A promptable model with its region, zoom and propagation, as a user meets it.

    Parameters
    ----------
    weights
        Start of the SHA-256 of the weights file, or None for a model without weights.
    """

    name: str
    segmenter: Segmenter
    weights: str | None
    accepts: frozenset[PromptKind] = frozenset(PROMPT_KINDS)

    def segment(self, volume: Volume, prompts: Sequence[Prompt]) -> Volume:
        return self.segmenter.segment_with_details(volume, prompts).mask


def model_method(name: str, device: str = "auto") -> ModelMethod:
    """The model that ``Segmenter.from_pretrained`` loads; raises InputError if there is none."""
    from synthfm3d.model.checkpoint import weights_hash, weights_path  # torch: seconds

    segmenter = Segmenter.from_pretrained(name, device)
    path = weights_path(name)
    return ModelMethod(name=name, segmenter=segmenter, weights=weights_hash(path) if path else None)
