"""Our way through SAM 2's modules is the official one: transformers' session gives the same bits."""

import pytest
import torch
from transformers import Sam2VideoInferenceSession

from synthfm3d.model.sam2_propagation import SliceStack, propagate

PROMPTED = 4
KINDS = ["click", "box", "mask", "clicks"]


def official(network, slices, prompted, direction):
    """Logits and object scores by slice from transformers' own session, in one direction."""
    sam, size = network.sam, network.image_size
    session = Sam2VideoInferenceSession(
        video=slices, video_height=size, video_width=size, dtype=torch.float32
    )
    number = session.obj_id_to_idx(1)
    answers = {}
    for index, prompt in prompted.items():
        session.obj_with_new_inputs = [1]
        if prompt.mask is not None:
            session.add_mask_inputs(number, index, prompt.mask[None, None].float())
        else:
            inputs = {"point_coords": prompt.points[None, None], "point_labels": prompt.labels[None, None]}
            session.add_point_inputs(number, index, inputs)
        answers[index] = sam(session, frame_idx=index)
    start = min(prompted)
    for answer in sam.propagate_in_video_iterator(session, start_frame_idx=start, reverse=direction < 0):
        answers[answer.frame_idx] = answer
    return {at: (a.pred_masks.clone(), a.object_score_logits.clone()) for at, a in answers.items()}


def ours(network, slices, prompted):
    stack = SliceStack(len(slices), lambda index: slices[index])
    return dict(propagate(network, stack, {index: [prompt] for index, prompt in prompted.items()}))


def _equal(mine, theirs):
    for index, (masks, score) in theirs.items():
        assert torch.equal(mine[index].best.reshape(masks.shape), masks), index
        assert torch.equal(mine[index].score.flatten(), score.flatten()), index


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("kind", KINDS)
def test_one_object_gets_the_bits_of_the_official_session(sam2, slices, said, kind, direction):
    _equal(
        ours(sam2, slices, {PROMPTED: said[kind]}), official(sam2, slices, {PROMPTED: said[kind]}, direction)
    )


def test_two_prompted_slices_get_the_bits_of_the_official_session(sam2, slices, said):
    prompted = {2: said["click"], 6: said["mask"]}
    _equal(ours(sam2, slices, prompted), official(sam2, slices, prompted, 1))


def test_an_absent_object_gets_the_bits_of_the_official_session(make_sam2, slices, said):
    network = make_sam2()
    with torch.no_grad():
        network.sam.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(-1.0)
    mine = ours(network, slices, {PROMPTED: said["box"]})
    assert (mine[PROMPTED + 1].best == -1024).all()
    _equal(mine, official(network, slices, {PROMPTED: said["box"]}, 1))


@pytest.mark.parametrize(("version", "size"), [("2.0", 128), ("2.1", 96)])
def test_the_version_and_the_size_of_the_image_change_nothing_of_it(make_sam2, slices, said, version, size):
    network = make_sam2(version=version, image_size=size)
    cut = slices[..., :size, :size].contiguous()
    _equal(ours(network, cut, {0: said["click"]}), official(network, cut, {0: said["click"]}, 1))


def test_a_long_stack_loses_nothing_by_what_is_forgotten(sam2, slices, said):
    stack = slices.repeat(4, 1, 1, 1) + torch.arange(36.0)[:, None, None, None] / 36
    _equal(ours(sam2, stack, {3: said["click"]}), official(sam2, stack, {3: said["click"]}, 1))


def test_objects_in_a_batch_are_what_they_are_alone(sam2, slices, said):
    stack = SliceStack(len(slices), lambda index: slices[index])
    together = dict(propagate(sam2, stack, {PROMPTED: list(said.values())}))
    for number, prompt in enumerate(said.values()):
        for index, answer in ours(sam2, slices, {PROMPTED: prompt}).items():
            torch.testing.assert_close(together[index].best[number], answer.best[0], atol=1e-5, rtol=0)


def test_a_stack_turned_upside_down_gives_the_same_masks_upside_down(sam2, slices, said):
    count = len(slices)
    upright = ours(sam2, slices, {PROMPTED - 1: said["click"]})
    turned = ours(sam2, slices.flip(0), {count - PROMPTED: said["click"]})
    for index, answer in upright.items():
        torch.testing.assert_close(turned[count - 1 - index].best, answer.best, atol=1e-5, rtol=0)
