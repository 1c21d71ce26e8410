"""A clip in the training of SAM 2: prompted slices, propagation in both directions, and corrections.

The modules and their order are those of inference (``model.sam2``); training adds answers to correction
clicks, and can compute activations again instead of keeping them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from synthfm3d.loading.clips import ClipSample
from synthfm3d.loading.shares import NO_POINT, ClipPromptSettings
from synthfm3d.model.sam2 import Sam2Network, normalised
from synthfm3d.model.sam2_memory import Memory, MemoryBank
from synthfm3d.model.sam2_propagation import PREVIOUS_LIMIT
from synthfm3d.model.sam2_slice import Decoded, Features, SlicePrompt
from synthfm3d.prompts.simulation import random_error_click


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The model's answers for one slice of the clip; ``rounds`` has one more after each correction click."""

    index: int
    rounds: list[Decoded]


class ClipTracker(nn.Module):
    """``ClipDataset``'s items in, answers for all slices out. In training, corrections are answered too."""

    def __init__(self, network: Sam2Network, prompts: ClipPromptSettings, *, recompute: bool = False) -> None:
        super().__init__()
        self.network = network
        self.prompts = prompts
        self.recompute = recompute

    def forward(self, sample: ClipSample) -> list[Answer]:
        """Answers for the prompted slices, then forwards, then backwards from the first prompted."""
        count = sample["slices"].shape[1]
        clip_of = sample["clip_of"]
        encoded = self._encoded(sample["slices"].flatten(0, 1))
        corrected = set(sample["corrected"].tolist()) if self.training else set()
        draw = np.random.default_rng(int(sample["key"]))

        def features(index: int) -> Features:
            return encoded.of(clip_of * count + index)

        def corrections(index: int) -> _Corrections | None:
            if index not in corrected:
                return None
            return _Corrections(sample["targets"][:, index], self.prompts, draw)

        bank = MemoryBank()
        answers: list[Answer] = []
        prompted: list[int] = sample["prompted"].tolist()
        for place, index in enumerate(prompted):
            prompts = _prompts_of(sample, place)
            rounds, memory = self._prompted(features(index), prompts, corrections(index))
            bank.prompted[index] = memory
            answers.append(Answer(index, rounds))
        first = prompted[0]
        for direction, way in ((1, range(first + 1, count)), (-1, range(first - 1, -1, -1))):
            known = bank.copy()
            for index in way:
                if index in prompted:
                    continue
                rounds, memory = self._tracked(
                    features(index), known, index, direction, count, corrections(index)
                )
                # A corrected slice counts as prompted for later slices, as in inference.
                (known.prompted if index in corrected else known.tracked)[index] = memory
                answers.append(Answer(index, rounds))
        return answers

    def _encoded(self, slices: Tensor) -> Features:
        """Features of slices (n, 3, y, x); one slice at a time if activations are computed again."""
        parts: list[Features] = [
            self._maybe_checkpointed(lambda some: self.network.encode(normalised(some)), part)
            for part in (slices.split(1) if self.recompute and self.training else [slices])
        ]
        if len(parts) == 1:
            return parts[0]
        fine, middle, coarse = (
            torch.cat([getattr(part, name) for part in parts]) for name in ("fine", "middle", "coarse")
        )
        return Features(fine, middle, coarse, parts[0].position)

    def _prompted(
        self, features: Features, prompts: list[SlicePrompt], corrections: "_Corrections | None"
    ) -> tuple[list[Decoded], Memory]:
        network = self.network
        coarse = network.without_memory(features)
        decoded = network.decode_prompts(features, coarse, prompts)
        rounds = [decoded]
        if corrections is not None:
            rounds += corrections.answered(network, features, coarse, decoded, prompts)
        return rounds, network.remember(features, rounds[-1], prompted=True)

    def _tracked(
        self,
        features: Features,
        bank: MemoryBank,
        index: int,
        direction: int,
        count: int,
        corrections: "_Corrections | None",
    ) -> tuple[list[Decoded], Memory]:
        network = self.network
        # A copy: when the step is computed again, the bank must still be what it was.
        known = bank.copy()

        def step(fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[list[Decoded], Memory]:
            seen = Features(fine, middle, coarse, features.position)
            conditioned = network.condition(seen, known, index, direction, count)
            decoded = network.decode(seen, conditioned)
            rounds = [decoded]
            if corrections is not None:
                rounds += corrections.answered(network, seen, conditioned, decoded, None)
            return rounds, network.remember(seen, rounds[-1], prompted=corrections is not None)

        rounds, memory = self._maybe_checkpointed(step, features.fine, features.middle, features.coarse)
        return rounds, memory

    def _maybe_checkpointed(self, step: Callable[..., Any], *inputs: Tensor) -> Any:
        """The result of a step; its activations are kept for the gradient, or computed again if so asked."""
        if self.recompute and self.training and torch.is_grad_enabled():
            return checkpoint(step, *inputs, use_reentrant=False)
        return step(*inputs)


class _Corrections:
    """The clicks that correct one slice; the same ones again when the step is computed again."""

    def __init__(self, targets: Tensor, settings: ClipPromptSettings, draw: np.random.Generator) -> None:
        self.targets = targets.cpu().numpy()  # (object, y, x)
        self.settings = settings
        self.seed = int(draw.integers(2**63))

    def answered(
        self,
        network: Sam2Network,
        features: Features,
        coarse: Tensor,
        decoded: Decoded,
        prompts: list[SlicePrompt] | None,
    ) -> list[Decoded]:
        """The answer of the model to each click, which is placed in the error of the previous answer."""
        draw = np.random.default_rng(self.seed)
        device = coarse.device
        nothing = (torch.zeros(0, 2, device=device), torch.zeros(0, dtype=torch.int32, device=device))
        points = [(p.points, p.labels) for p in prompts] if prompts else [nothing] * len(self.targets)
        rounds: list[Decoded] = []
        for _ in range(self.settings.correction_clicks):
            wrong = (decoded.best_high[:, 0] > 0).cpu().numpy()
            for number, (answer, truth) in enumerate(zip(wrong, self.targets, strict=True)):
                (y, x), positive = random_error_click(answer, truth, self.settings.click_from_truth, draw)
                before, labels = points[number]
                points[number] = (
                    torch.cat([before, torch.tensor([[x, y]], dtype=torch.float32, device=device)]),
                    torch.cat([labels, torch.tensor([int(positive)], dtype=torch.int32, device=device)]),
                )
            together = [SlicePrompt(xy, labels) for xy, labels in points]
            # As in SAM 2's training: the earlier answer is a prompt and gets no gradient from what follows.
            previous = decoded.best.detach().clamp(-PREVIOUS_LIMIT, PREVIOUS_LIMIT)
            decoded = network.decode_prompts(features, coarse, together, previous)
            rounds.append(decoded)
        return rounds


def _prompts_of(sample: ClipSample, place: int) -> list[SlicePrompt]:
    """The prompts of all objects on one of the prompted slices."""
    masks = sample["masks"][:, place]
    prompts = []
    for number, (points, labels) in enumerate(zip(sample["points"], sample["labels"], strict=True)):
        given = labels[place] != NO_POINT
        mask = masks[number] if masks.shape[-1] else None
        prompts.append(SlicePrompt(points[place][given], labels[place][given], mask))
    return prompts
