"""SAM 2: corrections, sizes, initial weights, and the interface of all promptable models."""

import numpy as np
import pytest
import torch

from synthfm3d.model.interface import SliceModel
from synthfm3d.model.sam2_configuration import configuration_of, fresh_network
from synthfm3d.model.sam2_memory import Memory, MemoryBank
from synthfm3d.model.sam2_model import Sam2Model, slice_prompts
from synthfm3d.model.sam2_propagation import SliceStack, propagate
from synthfm3d.model.sam2_sizes import SIZES, Sam2Settings
from synthfm3d.model.sam2_slice import SlicePrompt
from synthfm3d.prompts.prompt import GridPrompts

CPU = torch.device("cpu")


def _stack(slices):
    return SliceStack(len(slices), lambda index: slices[index])


def test_a_corrected_slice_is_remembered_and_changes_the_others(sam2, slices, said):
    first = dict(propagate(sam2, _stack(slices), {2: [said["click"]]}))
    prompts = {2: [said["click"]], 5: [said["clicks"]]}
    second = dict(propagate(sam2, _stack(slices), prompts, previous={5: first[5].best}))
    assert torch.equal(second[2].best, first[2].best)
    for index in (0, 4, 5, 8):
        assert not torch.equal(second[index].best, first[index].best), index


def test_a_correction_starts_from_the_earlier_answer(sam2, slices, said):
    first = dict(propagate(sam2, _stack(slices), {2: [said["click"]]}))
    prompts = {2: [said["click"]], 5: [said["clicks"]]}
    answers = [
        dict(propagate(sam2, _stack(slices), prompts, previous={5: earlier}))[5].best
        for earlier in (first[5].best, -first[5].best)
    ]
    assert not torch.equal(*answers)


def test_a_gradient_reaches_the_encoder_through_the_memory(make_sam2, slices, said):
    network = make_sam2().train()
    features = network.encode(slices[:1])
    prompted = network.decode_prompts(features, network.without_memory(features), [said["click"]])
    bank = MemoryBank({0: network.remember(features, prompted, prompted=True)})
    later = network.encode(slices[1:2])
    later.coarse.retain_grad()
    answer = network.decode(later, network.condition(later, bank, 1, 1, 2))
    answer.candidates.square().sum().backward()
    for parameter in (
        network.sam.memory_encoder.projection.weight,
        network.sam.vision_encoder.backbone.patch_embed.projection.weight,
        network.sam.object_pointer_proj.proj_in.weight,
    ):
        assert parameter.grad.abs().max() > 0


def test_the_closest_prompted_slices_are_attended_to_one_on_each_side_first():
    memory = Memory(*[torch.zeros(1)] * 3)
    bank = MemoryBank(dict.fromkeys((0, 10, 11, 12, 13, 30), memory))
    slots = [slot for slot, _ in bank.maps(14, 1, 7, most_prompted=3)]
    assert slots.count(0) == 3
    # Slices 10 to 13 lie 4 to 1 behind; 13, the closest, and 12 are taken as prompted, with 30 ahead.
    assert sorted(slots) == [0, 0, 0, 3, 4]


def test_each_direction_forgets_what_lies_far_behind(sam2, slices, said):
    bank = MemoryBank()
    for index in range(40):
        bank.tracked[index] = Memory(*[torch.zeros(1)] * 3)
        bank.forget_before(index, 1, reach=16)
    assert sorted(bank.tracked) == list(range(24, 40))
    assert len(bank.pointers(40, 1, 16, ahead=False)) == 15


@pytest.mark.parametrize("name", ["tiny", "small", "base-plus", "large"])
def test_the_official_sizes_are_the_defaults_of_the_published_configurations(name):
    """Parameters as its README tells them: 38.9, 46, 80.8 and 224.4 million."""
    published = {"tiny": 38.9e6, "small": 46.0e6, "base-plus": 80.8e6, "large": 224.4e6}
    from transformers import Sam2VideoModel

    with torch.device("meta"):
        model = Sam2VideoModel(configuration_of(Sam2Settings(size=name, image_size=1024)))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(published[name], rel=0.003)


@pytest.mark.parametrize("image_size", [64, 96, 160])
def test_any_multiple_of_32_is_an_image_size_and_weights_fit_all_of_them(make_sam2, sam2, said, image_size):
    network = make_sam2(image_size=image_size)
    network.load_state_dict(sam2.state_dict())
    slices = torch.zeros(3, 3, image_size, image_size)
    answers = dict(propagate(network, _stack(slices), {1: [said["click"]]}))
    assert answers[2].best_high.shape == (1, 1, image_size, image_size)


@pytest.mark.parametrize("image_size", [100, 32])
def test_other_image_sizes_are_refused(image_size):
    with pytest.raises(ValueError, match="multiple of 32"):
        Sam2Settings(image_size=image_size)


@pytest.mark.parametrize("size", SIZES.values())
def test_small_sizes_have_the_width_that_memories_need(size):
    assert size.hidden % 64 == 0


def test_fresh_weights_have_one_fourier_basis_and_follow_the_seed():
    settings = Sam2Settings(size="micro", image_size=64)
    one, same, other = (fresh_network(settings, seed).sam for seed in (0, 0, 1))
    assert torch.equal(
        one.prompt_encoder.shared_embedding.positional_embedding,
        one.shared_image_embedding.positional_embedding,
    )
    weight = "mask_decoder.mask_tokens.weight"
    assert torch.equal(one.state_dict()[weight], same.state_dict()[weight])
    assert not torch.equal(one.state_dict()[weight], other.state_dict()[weight])


def test_fresh_prompts_are_as_loud_as_the_image():
    """Embeddings N(0, 1) as in Meta's code; with N(0, 0.02) training stays prompt-blind."""
    network = fresh_network(Sam2Settings(size="micro", image_size=64), 0)
    assert network.sam.prompt_encoder.point_embed.weight.std().item() == pytest.approx(1.0, abs=0.15)
    assert network.sam.no_memory_embedding.std().item() == pytest.approx(0.02, abs=0.01)


# --- behind the interface -------------------------------------------------------------------------


def _model(sam2):
    return Sam2Model(sam2, "test", CPU)


def _channels(depth=5, height=40, width=60):
    return np.random.default_rng(0).random((3, depth, height, width), dtype=np.float32)


def test_it_is_a_promptable_model_that_follows_slices(sam2):
    model = _model(sam2)
    assert isinstance(model, SliceModel)
    features = model.prepare(_channels(), (1.0, 1.0, 1.0))
    logits = model.logits(features, GridPrompts(positive=np.array([[2.0, 20, 30]])))
    assert logits.shape == (5, 40, 60)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_prompts_keep_their_place_when_slices_are_resized():
    """Pixel centres: the middle of a 40 x 60 slice is the middle of a 128 x 128 one."""
    prompts = GridPrompts(
        positive=np.array([[2.0, 19.5, 29.5]]), boxes=np.array([[[1.0, 0, 0], [3, 39, 59]]])
    )
    said = slice_prompts(prompts, (5, 40, 60), 128, CPU)
    assert set(said) == {2}
    upper, lower, click = said[2].points
    assert click.tolist() == pytest.approx([63.5, 63.5])
    assert upper.tolist() == pytest.approx([0.5 * 128 / 60 - 0.5, 0.5 * 128 / 40 - 0.5])
    assert lower.tolist() == pytest.approx([127 - upper[0].item(), 127 - upper[1].item()])
    assert said[2].labels.tolist() == [2, 3, 1]


def test_a_mask_of_one_pixel_is_not_lost():
    mask = np.zeros((3, 512, 512), np.int8)
    mask[1] = -1
    mask[1, 200, 300] = 1
    said = slice_prompts(GridPrompts(mask=mask), (3, 512, 512), 128, CPU)
    outline = said[1].mask
    assert outline.any()
    assert abs(np.argwhere(outline.numpy())[0] - [50, 75]).max() <= 1


def test_a_negative_click_elsewhere_corrects_that_slice(sam2):
    model = _model(sam2)
    features = model.prepare(_channels(), (1.0, 1.0, 1.0))
    click = np.array([[2.0, 20, 30]])
    plain = model.logits(features, GridPrompts(positive=click))
    prompts = GridPrompts(positive=click, negative=np.array([[4.0, 10, 10]]))
    corrected = model.logits(features, prompts)
    assert np.array_equal(corrected[2], plain[2])
    assert not np.array_equal(corrected[4], plain[4])
    given = model.logits(features, prompts, previous=-plain)
    assert not np.array_equal(given[4], corrected[4])


def test_a_later_click_corrects_the_earlier_answer_where_there_is_one(sam2):
    model = _model(sam2)
    features = model.prepare(_channels(), (1.0, 1.0, 1.0))
    clicks = np.array([[2.0, 20, 30], [4.0, 22, 30]])
    plain = model.logits(features, GridPrompts(positive=clicks[:1]))
    anew = model.logits(features, GridPrompts(positive=clicks))
    revised = model.logits(features, GridPrompts(positive=clicks), previous=plain)
    assert np.array_equal(revised[2], plain[2])
    assert not np.array_equal(revised[4], anew[4])
    assert not np.array_equal(revised[4], plain[4])
    # Turned round, the other click is the first.
    turned = model.logits(features, GridPrompts(positive=clicks[::-1].copy()), previous=plain)
    assert np.array_equal(turned[4], anew[4])


def test_nothing_said_about_a_slice_is_refused():
    with pytest.raises(ValueError, match="a point or a mask"):
        SlicePrompt(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int32))
