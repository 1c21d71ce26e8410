"""Models as methods: a segmenter with the name that the user gave and the hash of its weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from synthfm3d.evaluation.methods.method import Method, training_facts
from synthfm3d.prompts.prompt import PROMPT_KINDS, Point, Prompt, PromptKind
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.volume import Volume


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelMethod(Method):
    """A promptable model with its region, zoom and propagation, as users run it.

    Parameters
    ----------
    weights
        Start of the SHA-256 of the weights file; None for a model without weights.
    learnt_from
        The training data that the weights file records; None if it records nothing.
    seen
        Content hashes (``volume.content_hash``) of the scans that it was adapted to.
    """

    name: str
    segmenter: Segmenter
    weights: str | None
    learnt_from: str | None = None
    seen: frozenset[str] = frozenset()
    accepts: frozenset[PromptKind] = frozenset(PROMPT_KINDS)

    def start(self, scan: Volume, prompts: Sequence[Prompt]) -> "ModelDialogue":
        """Segment; later clicks correct the mask around them, as in a ``Session``."""
        return ModelDialogue(self.segmenter, scan, prompts)

    def facts(self) -> dict[str, str]:
        if self.weights is None:
            return {"weights": "none", **super().facts()}
        if self.seen and self.learnt_from is not None:
            return {"weights": self.weights, "training data": self.learnt_from, "said by": "its weights"}
        return {"weights": self.weights, **training_facts(self.name)}


class ModelDialogue:
    """The mask of a model, which clicks correct."""

    def __init__(self, segmenter: Segmenter, scan: Volume, prompts: Sequence[Prompt]) -> None:
        self._segmenter = segmenter
        self._found = segmenter.segment_with_details(scan, prompts)

    @property
    def mask(self) -> Volume:
        return self._found.mask

    @property
    def logits(self) -> Volume | None:
        return self._found.logits

    def correct(self, click: Point) -> None:
        """Correct the mask, see ``Segmenter.correct``."""
        self._found = self._segmenter.correct(self._found, [click])


def model_method(name: str, device: str = "auto") -> ModelMethod:
    """The model that ``Segmenter.from_pretrained`` loads; raises InputError if there is none."""
    # torch: seconds
    from synthfm3d.model.checkpoint import training_record, weights_hash, weights_path

    segmenter = Segmenter.from_pretrained(name, device)
    path = weights_path(name)
    if path is None:
        return ModelMethod(name=name, segmenter=segmenter, weights=None)
    record = training_record(path)
    return ModelMethod(
        name=name,
        segmenter=segmenter,
        weights=weights_hash(path),
        learnt_from=record.get("data"),
        seen=frozenset(record.get("scans_sha256", ())),
    )
