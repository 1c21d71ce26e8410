"""SAM 2 in training: the way of a clip, its loss, its groups of parameters, and whether it learns at all."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from synthfm3d.loading.clips import ClipDataset, ClipSettings
from synthfm3d.loading.shares import NO_POINT, ClipPromptSettings
from synthfm3d.model.sam2 import normalised
from synthfm3d.model.sam2_configuration import fresh_network
from synthfm3d.model.sam2_propagation import SliceStack, propagate
from synthfm3d.model.sam2_sizes import Sam2Settings
from synthfm3d.model.sam2_slice import Decoded, SlicePrompt
from synthfm3d.training.sam2_clip import ClipTracker
from synthfm3d.training.sam2_groups import Sam2OptimiserConfig, freeze, parameter_groups, part_of
from synthfm3d.training.sam2_loss import Sam2LossSettings, answer_loss, clip_loss

SIZE = 64
CLIPS = ClipSettings(depth=(8, 12), length=4, most_objects=2, strides=(1,), least_pixels=8)


@pytest.fixture(scope="module")
def network():
    return fresh_network(Sam2Settings(size="micro", image_size=SIZE, dropout=0.0), seed=0)


def _sample(**prompts):
    return ClipDataset(0, 2, SIZE, replace(CLIPS, prompts=ClipPromptSettings(**prompts)))[1]


def test_training_and_inference_go_the_same_way(network):
    """In evaluation mode a clip's answers are those of propagation through the same slices."""
    sample = _sample(mask=0.0, box=1.0, second_slice=0.0)
    answers = {a.index: a.rounds[-1] for a in ClipTracker(network, CLIPS.prompts).eval()(sample)}
    assert sorted(answers) == [0, 1, 2, 3]
    index = int(sample["prompted"][0])
    for number, clip in enumerate(sample["clip_of"]):
        slices = normalised(sample["slices"][clip])
        there = sample["labels"][number, 0] != NO_POINT
        said = SlicePrompt(sample["points"][number, 0][there], sample["labels"][number, 0][there])
        for at, alone in propagate(network, SliceStack(4, lambda z, s=slices: s[z]), {index: [said]}):
            # Memories are bfloat16: what the last bit tips, tips a step of it.
            torch.testing.assert_close(answers[at].best[number], alone.best[0], atol=1e-3, rtol=0)


@pytest.mark.parametrize("prompts", [{"mask": 1.0, "box": 0.0}, {"mask": 0.0, "box": 0.0}])
def test_activations_that_are_computed_again_give_the_same_gradient(network, prompts):
    sample = _sample(**prompts, correction_clicks=2, corrected_slices=(2, 2))
    gradients = []
    for recompute in (False, True):
        tracker = ClipTracker(network, ClipPromptSettings(correction_clicks=2), recompute=recompute).train()
        loss = clip_loss(network, tracker(sample), sample["targets"], Sam2LossSettings())["total"]
        network.zero_grad()
        loss.backward()
        gradients.append({n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-3)


def test_a_mask_on_a_clip_of_two_slices_leaves_one_to_learn_from(network):
    settings = replace(CLIPS, length=2, prompts=ClipPromptSettings(mask=1.0, box=0.0, second_slice=1.0))
    for number in range(3):
        sample = ClipDataset(0, 1, SIZE, settings)[number]
        answers = ClipTracker(network, settings.prompts).train()(sample)
        clip_loss(network, answers, sample["targets"], Sam2LossSettings())["total"].backward()


def test_corrected_slices_are_answered_once_for_each_click_and_only_in_training(network):
    sample = _sample(mask=0.0, box=1.0, correction_clicks=3, corrected_slices=(2, 2))
    tracker = ClipTracker(network, ClipPromptSettings(correction_clicks=3))
    corrected = set(sample["corrected"].tolist())
    assert len(corrected) == 2
    for answer in tracker.train()(sample):
        assert len(answer.rounds) == (4 if answer.index in corrected else 1)
    assert all(len(answer.rounds) == 1 for answer in tracker.eval()(sample))


# --- loss -----------------------------------------------------------------------------------------


def _decoded(candidates, iou, score):
    return Decoded(candidates, iou, score, candidates[:, :1], candidates[:, :1], torch.zeros(len(score), 1))


def test_a_perfect_answer_costs_nothing(network):
    target = torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    target[:, 16:40, 16:40] = True
    logits = torch.where(target[:, ::4, ::4], 60.0, -60.0)[:, None].expand(-1, 3, -1, -1)
    terms = answer_loss(
        network, _decoded(logits, torch.ones(1, 3), torch.full((1, 1), 20.0)), target, Sam2LossSettings()
    )
    assert terms["score"] < 1e-6
    # Enlarging the logits blurs the edge by a pixel.
    assert terms["dice"] < 0.1
    assert terms["iou"] < 0.15


def test_only_the_best_of_three_candidates_is_judged(network):
    target = torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    target[:, 16:40, 16:40] = True
    good = torch.where(target[:, ::4, ::4], 9.0, -9.0)[:, None]
    three = torch.cat([-good, good, torch.zeros_like(good)], dim=1)
    score = torch.full((1, 1), 5.0)
    one = answer_loss(network, _decoded(good, torch.ones(1, 1), score), target, Sam2LossSettings())
    best = answer_loss(network, _decoded(three, torch.ones(1, 3), score), target, Sam2LossSettings())
    assert best["dice"] == pytest.approx(one["dice"].item())
    assert best["focal"] == pytest.approx(one["focal"].item())
    assert best["iou"] > one["iou"]


def test_an_absent_object_is_judged_by_its_score_alone(network):
    target = torch.zeros(2, SIZE, SIZE, dtype=torch.bool)
    logits = torch.randn(2, 3, SIZE // 4, SIZE // 4)
    terms = answer_loss(
        network, _decoded(logits, torch.rand(2, 3), torch.zeros(2, 1)), target, Sam2LossSettings()
    )
    assert terms["focal"] == terms["dice"] == terms["iou"] == 0
    assert terms["score"] == pytest.approx(np.log(2))


# --- groups ---------------------------------------------------------------------------------------


def test_every_parameter_belongs_to_one_part_and_one_group(network):
    groups = parameter_groups(network, Sam2OptimiserConfig())
    grouped = [id(p) for group in groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())
    assert {part_of(name) for name, _ in network.named_parameters()} == {
        "encoder", "neck", "prompt_encoder", "decoder", "memory",
    }  # fmt: skip


def test_rates_fall_by_a_tenth_from_block_to_block_and_norms_do_not_decay(network):
    config = Sam2OptimiserConfig(rate=1e-4, encoder_rate=5e-5)
    scale, decay = {}, {}
    for group in parameter_groups(network, config):
        for parameter in group["params"]:
            scale[id(parameter)], decay[id(parameter)] = group["scale"], group["weight_decay"]
    backbone = network.sam.vision_encoder.backbone
    blocks = [scale[id(block.attn.qkv.weight)] for block in backbone.blocks]
    assert blocks[-1] == pytest.approx(0.5)
    ratios = [later / earlier for earlier, later in pairwise(blocks)]
    assert ratios == pytest.approx([1 / 0.9] * (len(blocks) - 1))
    assert scale[id(backbone.patch_embed.projection.weight)] == pytest.approx(blocks[0] * 0.9)
    assert scale[id(backbone.pos_embed)] == pytest.approx(0.5)
    assert scale[id(network.sam.mask_decoder.mask_tokens.weight)] == 1.0
    assert decay[id(backbone.blocks[0].layer_norm1.weight)] == 0.0
    assert decay[id(backbone.blocks[0].attn.qkv.bias)] == 0.0
    assert decay[id(backbone.blocks[0].attn.qkv.weight)] == config.weight_decay


def test_frozen_parts_are_in_no_group():
    network = fresh_network(Sam2Settings(size="micro", image_size=SIZE), 0)
    freeze(network, ("encoder", "memory"))
    names = {group["name"] for group in parameter_groups(network, Sam2OptimiserConfig())}
    assert names == {"neck", "prompt_encoder", "decoder"}


# --- does it learn --------------------------------------------------------------------------------


def _two_discs(count=3, size=128, prompted=1):
    """Two clips with two discs of the same grey each; four objects, which prompts alone tell apart."""
    generator = np.random.default_rng(0)
    y, x = (axis / size for axis in np.ogrid[:size, :size])
    slices, targets = [], []
    for discs in (
        [((0.3, 0.3), (0.05, 0.0), 0.14), ((0.7, 0.65), (-0.05, 0.03), 0.12)],
        [((0.7, 0.3), (-0.03, 0.05), 0.11), ((0.3, 0.7), (0.05, -0.03), 0.15)],
    ):
        objects = np.zeros((2, count, size, size), bool)
        for number, ((cx, cy), (dx, dy), radius) in enumerate(discs):
            for t in range(count):
                away = t - prompted
                limit = (radius * (1 - 0.12 * abs(away))) ** 2
                objects[number, t] = (x - cx - dx * away) ** 2 + (y - cy - dy * away) ** 2 < limit
        image = 0.3 + 0.5 * objects.any(axis=0) + 0.05 * generator.random((count, size, size))
        slices.append(np.repeat(image[:, None], 3, axis=1))
        targets.append(objects)
    return torch.from_numpy(np.stack(slices)).float(), torch.from_numpy(np.concatenate(targets))


@pytest.mark.slow
def test_sam2_learns_from_random_weights_to_give_the_object_that_the_prompt_names():
    """The clips are the same, the objects differ by their prompts alone. A model that is blind to them, and
    gives one, the other or both, has a mean IoU of 0.5 at most.
    """
    slices, targets = _two_discs()
    network = fresh_network(Sam2Settings(size="micro", image_size=128, dropout=0.0), seed=0)
    tracker = ClipTracker(network, ClipPromptSettings(correction_clicks=0))
    outlined = targets[:, 1]
    boxes = torch.full((4, 1, 3, 2), 0.0)
    labels = torch.tensor([2, 3, NO_POINT], dtype=torch.int32).expand(4, 1, 3)
    for number, section in enumerate(outlined):
        inside = section.nonzero().float()
        boxes[number, 0, 0], boxes[number, 0, 1] = inside.amin(0).flip(0), inside.amax(0).flip(0)
    common = {
        "slices": slices, "targets": targets, "clip_of": torch.tensor([0, 0, 1, 1]), "key": torch.tensor(0),
        "prompted": torch.tensor([1]), "corrected": torch.zeros(0, dtype=torch.int64), "points": boxes,
    }  # fmt: skip
    by_box = common | {"labels": labels, "masks": torch.zeros(4, 1, 0, 0)}
    by_mask = common | {"labels": torch.full_like(labels, NO_POINT), "masks": outlined[:, None]}
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-4, weight_decay=0.0)
    steps = 320
    for step in range(steps):
        cosine = 0.5 * (1 + np.cos(np.pi * step / steps))
        optimiser.param_groups[0]["lr"] = 5e-4 * min(1.0, (step + 1) / 10) * (0.05 + 0.95 * cosine)
        answers = tracker.train()(by_mask if step % 2 else by_box)
        optimiser.zero_grad()
        clip_loss(network, answers, targets, Sam2LossSettings())["total"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    with torch.inference_mode():
        for answer in tracker.eval()(by_box):
            found, wanted = answer.rounds[-1].best_high[:, 0] > 0, targets[:, answer.index]
            iou = (found & wanted).sum((1, 2)) / (found | wanted).sum((1, 2))
            assert iou.min() > 0.8, answer.index
            assert iou.mean() > 0.9, answer.index
