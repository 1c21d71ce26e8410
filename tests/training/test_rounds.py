"""Corrections in training: the click falls into the error, and the next answer knows of the last."""

import numpy as np
import pytest
import torch
from torch import nn

from synthfm3d.intensity import CHANNELS
from synthfm3d.model.prompt_channels import (
    MASK,
    NEGATIVE_CLICKS,
    POSITIVE_CLICKS,
    PREVIOUS,
    prompt_channels,
)
from synthfm3d.model.volumetric import network_input
from synthfm3d.prompts.prompt import GridPrompts
from synthfm3d.training.rounds import RoundSettings, after_corrections, after_hand_over

SHAPE = (8, 32, 32)


class Answers(nn.Module):
    """Gives one answer after another, whatever it is asked."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = [torch.from_numpy(np.where(answer, 4.0, -4.0)).float() for answer in answers]

    def forward(self, inputs):
        return self.answers.pop(0)[None, None].expand(len(inputs), -1, -1, -1, -1)


@pytest.fixture
def truth():
    mask = np.zeros(SHAPE, bool)
    mask[2:6, 8:24, 8:24] = True
    return mask


@pytest.fixture
def inputs():
    image = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    said = prompt_channels(GridPrompts(positive=np.array([[4.0, 16.0, 16.0]])), SHAPE)
    return torch.from_numpy(network_input(image, said))[None]


def _said(inputs, channel):
    return inputs[0, CHANNELS + channel].numpy()


def test_what_is_missing_gets_a_positive_click_and_what_is_too_much_a_negative_one(inputs, truth):
    missing = truth.copy()
    missing[2] = False
    too_much = truth.copy()
    too_much[7, :8, :8] = True
    target = torch.from_numpy(truth).float()[None, None]
    after = after_corrections(Answers(missing, too_much), inputs, target, 2, bf16=False)
    positive, negative = _said(after, POSITIVE_CLICKS), _said(after, NEGATIVE_CLICKS)
    assert positive[4, 16, 16] == 1  # the user's own click stays
    assert (positive[2][truth[2]] == 1).sum() == 1
    assert (negative[7, :8, :8] == 1).any()
    assert np.array_equal(np.sign(_said(after, PREVIOUS)), np.where(too_much, 1, -1))


def test_a_perfect_answer_is_not_corrected(inputs, truth):
    target = torch.from_numpy(truth).float()[None, None]
    assert torch.equal(after_corrections(Answers(truth), inputs, target, 1, bf16=False), inputs)


def test_no_round_changes_nothing_and_asks_nothing(inputs, truth):
    target = torch.from_numpy(truth).float()[None, None]
    assert after_corrections(Answers(), inputs, target, 0, bf16=False) is inputs


def test_rounds_come_as_often_as_their_shares_say():
    settings = RoundSettings(shares=(0.5, 0.3, 0.2))
    draws = [settings.draw(np.random.default_rng(n)) for n in range(2000)]
    assert np.bincount(draws) / 2000 == pytest.approx([0.5, 0.3, 0.2], abs=0.04)


@pytest.mark.parametrize("shares", [(), (0.5, 0.4), (1.5, -0.5)])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="shares"):
        RoundSettings(shares=shares)


def test_what_is_found_on_another_slice_becomes_the_only_prompt(inputs, truth):
    target = torch.from_numpy(truth).float()[None, None]
    found = truth.copy()
    found[:, 8:10] = False  # with its errors
    draw = np.random.default_rng(0)
    after = after_hand_over(Answers(found), inputs, target, draw, bf16=False)
    outlined = _said(after, MASK)
    (z,) = np.flatnonzero(outlined.any(axis=(1, 2)))
    assert 2 <= z < 6
    assert np.array_equal(outlined[z], np.where(found[z], 1, -1))
    assert not _said(after, POSITIVE_CLICKS).any()


def test_what_is_not_the_object_is_not_handed_on(inputs, truth):
    target = torch.from_numpy(truth).float()[None, None]
    elsewhere = np.roll(truth, 12, axis=2)
    draw = np.random.default_rng(0)
    assert torch.equal(after_hand_over(Answers(elsewhere), inputs, target, draw, bf16=False), inputs)


def test_negative_clicks_go_with_what_is_handed_on(truth):
    image = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    prompts = GridPrompts(positive=np.array([[4.0, 16.0, 16.0]]), negative=np.array([[4.0, 4.0, 4.0]]))
    inputs = torch.from_numpy(network_input(image, prompt_channels(prompts, SHAPE)))[None]
    target = torch.from_numpy(truth).float()[None, None]
    after = after_hand_over(Answers(truth), inputs, target, np.random.default_rng(0), bf16=False)
    assert np.array_equal(_said(after, NEGATIVE_CLICKS), _said(inputs, NEGATIVE_CLICKS))
