"""SAM 2 on slices: ``encode``, ``decode``, ``condition``, ``remember``.

The modules and the names of their weights are those of transformers' ``Sam2VideoModel``; the forward pass is
written here, because the one of transformers processes one object at a time, forgets corrections, keeps every
slice, and has no gradient. Here everything is batched over objects, and the memories have a gradient.
Training clips and whole volumes share this code. Tests compare it with sessions of transformers, bit for bit.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Sam2VideoConfig, Sam2VideoModel

from synthfm3d.model.sam2_memory import Memory, MemoryBank
from synthfm3d.model.sam2_slice import Decoded, Features, SlicePrompt, joined

NO_OBJECT = -1024.0
"""Logit of every pixel if the object is absent according to the model."""
MOST_PROMPTED = 4
"""Largest number of prompted slices in the memory of a slice, so that attention does not grow with
corrections."""
_CLICK_LIMIT = 1
"""With at most this many points on a slice, three masks are decoded and the best is chosen."""
_CERTAIN = 10.0
"""Logit of a mask that was given and not predicted."""


class Sam2Network(nn.Module):
    """``Sam2VideoModel`` with a forward pass that is batched and has gradients."""

    def __init__(self, configuration: Sam2VideoConfig) -> None:
        super().__init__()
        self.sam: Any = Sam2VideoModel(configuration)
        self.configuration = configuration
        self.image_size: int = configuration.image_size

    def encode(self, slices: Tensor) -> Features:
        """Features of slices (n, 3, y, x), normalised by ``normalised``."""
        seen = self.sam.vision_encoder(slices)
        fine, middle, coarse = seen.fpn_hidden_states
        decoder = self.sam.mask_decoder
        fine, middle, coarse = (_viewed(f) for f in (decoder.conv_s0(fine), decoder.conv_s1(middle), coarse))
        return Features(fine, middle, coarse, seen.fpn_position_encoding[-1][:1])

    def condition(
        self, features: Features, bank: MemoryBank, index: int, direction: int, count: int
    ) -> Tensor:
        """The coarse map of each object, (n, channel, y, x), after it has attended to the memories.

        Parameters
        ----------
        index, direction
            The slice, and +1 or -1 where indices rise or fall on the way.
        count
            Slices of the volume or clip: scales distances as SAM 2 does.
        """
        sam, configuration = self.sam, self.configuration
        objects = len(features.coarse)
        memories: list[Tensor] = []
        positions: list[Tensor] = []
        for slot, memory in bank.maps(index, direction, configuration.num_maskmem, MOST_PROMPTED):
            memories.append(memory.features.to(features.coarse.dtype))
            positions.append(memory.position + sam.memory_temporal_positional_encoding[slot - 1])
        reach = min(count, configuration.max_object_pointers_in_encoder)
        pointers = bank.pointers(index, direction, reach, ahead=self.training)
        tokens = 0
        if pointers:
            pointer, position = self._pointer_tokens(pointers, reach, objects)
            memories.append(pointer.to(features.coarse.dtype))
            positions.append(position)
            tokens = len(pointer)
        seen = sam.memory_attention(
            current_vision_features=_pixels_first(features.coarse),
            current_vision_position_embeddings=_pixels_first(features.position),
            memory=torch.cat(memories),
            memory_posision_embeddings=torch.cat(positions),
            num_object_pointer_tokens=tokens,
        )
        return seen.squeeze(0).transpose(1, 2).reshape(features.coarse.shape)  # type: ignore[no-any-return]

    def without_memory(self, features: Features) -> Tensor:
        """The coarse map of a slice that is prompted before there is any memory."""
        empty = self.sam.no_memory_embedding.reshape(1, -1, 1, 1)
        return features.coarse + empty  # type: ignore[no-any-return]

    def decode(
        self,
        features: Features,
        conditioned: Tensor,
        points: Tensor | None = None,
        labels: Tensor | None = None,
        previous: Tensor | None = None,
    ) -> Decoded:
        """Masks of n objects on one slice.

        Parameters
        ----------
        conditioned
            From ``condition`` or ``without_memory``.
        points, labels
            (n, p, 2) and (n, p), see ``SlicePrompt``; None for a slice that is tracked.
        previous
            Logits (n, 1, y, x) at a quarter of the resolution, which the points correct.
        """
        sam, objects, device = self.sam, len(conditioned), conditioned.device
        ambiguous = points is None or points.shape[1] <= _CLICK_LIMIT
        if points is None or labels is None:
            points = torch.zeros(objects, 1, 2, dtype=conditioned.dtype, device=device)
            labels = torch.full((objects, 1), -1, dtype=torch.int32, device=device)
        sparse, dense = sam.prompt_encoder(points[:, None], labels[:, None], None, previous)
        places = sam.get_image_wide_positional_embeddings()
        candidates, iou, tokens, score = sam.mask_decoder(
            image_embeddings=conditioned,
            image_positional_embeddings=places.expand(objects, -1, -1, -1),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense.expand(objects, -1, -1, -1),
            multimask_output=ambiguous,
            high_resolution_features=[features.fine, features.middle],
        )
        candidates, iou, tokens, score = candidates[:, 0], iou[:, 0], tokens[:, 0], score[:, 0]
        if not self.training:
            # Training does not gate: a mask whose object was missed would get no gradient.
            candidates = torch.where((score > 0)[..., None, None], candidates, NO_OBJECT)
        chosen = iou.argmax(-1)
        each = torch.arange(objects, device=device)
        # Enlarged before the choice: one map alone would take another kernel, and differ in the last bit.
        return Decoded(
            candidates=candidates,
            iou=iou,
            score=score,
            best=candidates[each, chosen][:, None],
            best_high=self.enlarged(candidates)[each, chosen][:, None],
            pointer=self._present(sam.object_pointer_proj(tokens[each, chosen]), score > 0),
        )

    def decode_prompts(
        self,
        features: Features,
        conditioned: Tensor,
        prompts: Sequence[SlicePrompt],
        previous: Tensor | None = None,
    ) -> Decoded:
        """``decode`` for prompts of any kinds, one for each object.

        Objects with as many points are decoded together, since padding would change the answer. A mask is its
        own answer; if there are points as well, they correct it.
        """
        groups: dict[tuple[int, bool], list[int]] = {}
        for number, prompt in enumerate(prompts):
            groups.setdefault((len(prompt.points), prompt.mask is not None), []).append(number)
        parts: list[Decoded] = []
        for (count, outlined), members in groups.items():
            # All objects are mostly one group; then nothing has to be selected.
            whole = len(members) == len(prompts)
            index = torch.tensor(members, device=conditioned.device)
            part = features if whole else features.of(index)
            coarse = conditioned if whole else conditioned[index]
            before = previous if previous is None or whole else previous[index]
            answer: Decoded | None = None
            if outlined:
                masks = torch.stack([m for n in members if (m := prompts[n].mask) is not None])
                answer = self.decode_masks(part, masks[:, None].to(coarse.dtype))
                before = answer.best
            if count:
                points = torch.stack([prompts[n].points for n in members]).to(coarse.dtype)
                labels = torch.stack([prompts[n].labels for n in members])
                answer = self.decode(part, coarse, points, labels, before)
            assert answer is not None
            parts.append(answer)
        if len(parts) == 1:
            return parts[0]
        order = torch.tensor([n for members in groups.values() for n in members]).argsort()
        return joined(parts, order.to(conditioned.device))

    def decode_masks(self, features: Features, masks: Tensor) -> Decoded:
        """Masks (n, 1, y, x) of 0 and 1 as their own answer; the decoder only makes the pointers."""
        size = self.sam.prompt_encoder.mask_input_size
        shrunk = self.sam.mask_downsample(masks)
        pointed = self.decode(features, features.coarse, previous=_resized(shrunk, size))
        present = masks.flatten(1).any(1, keepdim=True)
        high = masks * (2 * _CERTAIN) - _CERTAIN
        low = _resized(high, size)
        return Decoded(
            candidates=low,
            iou=torch.ones_like(low[:, :, 0, 0]),
            score=present * (2 * _CERTAIN) - _CERTAIN,
            best=low,
            best_high=high,
            pointer=self._present(pointed.pointer, present),
        )

    def remember(self, features: Features, decoded: Decoded, *, prompted: bool) -> Memory:
        """The memory of a slice. Prompted masks enter as 0 and 1 (not in training), tracked ones as odds."""
        sam, configuration = self.sam, self.configuration
        logits = decoded.best_high
        sharp = prompted and not self.training
        masks = (logits > 0).to(logits.dtype) if sharp else logits.sigmoid()
        masks = masks * configuration.sigmoid_scale_for_mem_enc + configuration.sigmoid_bias_for_mem_enc
        memory, position = sam.memory_encoder(features.coarse, masks.to(features.coarse.dtype))
        if sam.occlusion_spatial_embedding_parameter is not None:
            absent = (decoded.score <= 0).to(memory.dtype)[..., None, None]
            memory = memory + absent * sam.occlusion_spatial_embedding_parameter[..., None, None]
        if not self.training:
            memory = memory.to(torch.bfloat16)  # as SAM 2 was evaluated; half the memory
        return Memory(_pixels_first(memory), _pixels_first(position), decoded.pointer)

    def enlarged(self, logits: Tensor) -> Tensor:
        """Logits (n, m, y, x) at the full resolution, float32."""
        size = (self.image_size, self.image_size)
        return functional.interpolate(logits.float(), size, mode="bilinear", align_corners=False)

    def _present(self, pointer: Tensor, present: Tensor) -> Tensor:
        """Pointers (n, channel), replaced where the object is absent, (n, 1)."""
        share = present.to(pointer.dtype)
        return share * pointer + (1 - share) * self.sam.no_object_pointer  # type: ignore[no-any-return]

    def _pointer_tokens(
        self, pointers: Sequence[tuple[int, Tensor]], reach: int, objects: int
    ) -> tuple[Tensor, Tensor]:
        """Tokens (token, n, 64) of pointers, each cut into pieces of that width, and their positions."""
        sam = self.sam
        stacked = torch.stack([pointer for _, pointer in pointers])  # (pointer, n, channel)
        channels = stacked.shape[-1]
        pieces = channels // sam.mem_dim
        if self.configuration.enable_temporal_pos_encoding_for_object_pointers:
            distance = torch.tensor([d for d, _ in pointers], device=stacked.device, dtype=torch.float32)
            waves = _sines(distance / max(reach - 1, 1), channels).to(stacked.dtype)
            position = sam.temporal_positional_encoding_projection_layer(waves)[:, None].expand(
                -1, objects, -1
            )
        else:
            position = stacked.new_zeros(len(pointers), objects, sam.mem_dim)
        tokens = stacked.reshape(-1, objects, pieces, sam.mem_dim).permute(0, 2, 1, 3).flatten(0, 1)
        return tokens, position.repeat_interleave(pieces, dim=0)


def normalised(channels: Tensor) -> Tensor:
    """Channels (..., 3, y, x) in [0, 1] by the mean and deviation of ImageNet, as SAM 2 was trained."""
    mean = channels.new_tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = channels.new_tensor([0.229, 0.224, 0.225])[:, None, None]
    return (channels - mean) / deviation


def _viewed(maps: Tensor) -> Tensor:
    """The same maps with the strides that they have in sessions of transformers.

    Convolutions choose their algorithm by the strides, even that of a batch of one, and differ in the last
    bit.
    """
    return _pixels_first(maps).permute(1, 2, 0).reshape(maps.shape)


def _pixels_first(maps: Tensor) -> Tensor:
    """Maps (n, channel, y, x) as (pixel, n, channel)."""
    return maps.flatten(2).permute(2, 0, 1)


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    if maps.shape[-2:] == tuple(size):
        return maps
    return functional.interpolate(
        maps.float(), size, mode="bilinear", align_corners=False, antialias=True
    ).to(maps.dtype)


def _sines(position: Tensor, channels: int, temperature: float = 10000.0) -> Tensor:
    """Sine encoding (p, channel) of positions (p,): Vaswani et al. (2017), arXiv 1706.03762, section 3.5."""
    half = channels // 2
    power = 2 * torch.div(torch.arange(half, device=position.device), 2, rounding_mode="floor") / half
    angle = position[:, None] / temperature**power
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
