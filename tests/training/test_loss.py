"""Losses have the values that arithmetic gives them."""

import math

import pytest
import torch

from synthfm3d.training.family import hard_dice, soft_dice
from synthfm3d.training.volumetric import segmentation_loss


def test_soft_dice_of_half_sure_answers():
    target = torch.zeros(1, 1, 1, 1, 8)
    target[..., :4] = 1
    probability = torch.full_like(target, 0.5)
    assert soft_dice(probability, target).item() == pytest.approx((2 * 2 + 1) / (4 + 4 + 1))


def test_two_empty_masks_agree():
    empty = torch.zeros(2, 1, 4, 4, 4)
    assert soft_dice(empty, empty).tolist() == [1, 1]


def test_the_loss_of_undecided_logits_is_log_two_plus_the_dice_term():
    target = torch.zeros(1, 1, 2, 4, 4)
    target[:, :, 0] = 1
    loss = segmentation_loss(torch.zeros_like(target), target)
    assert loss.cross_entropy.item() == pytest.approx(math.log(2))
    assert loss.dice.item() == pytest.approx(1 - (16 + 1) / (16 + 16 + 1))
    assert loss.total.item() == pytest.approx(loss.cross_entropy.item() + loss.dice.item())


def test_hard_dice_counts_voxels_with_positive_logits():
    logits = torch.tensor([3.0, 0.1, -0.1, -5.0]).view(1, 1, 1, 1, 4)
    target = torch.tensor([1.0, 1.0, 1.0, 0.0]).view(1, 1, 1, 1, 4)
    assert hard_dice(logits, target).item() == pytest.approx((2 * 2 + 1) / (2 + 3 + 1))
