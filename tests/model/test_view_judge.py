"""The judge of views: its arithmetic, its file, and that the one that ships fits the weights that ship."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthfm3d.errors import InputError
from synthfm3d.model.checkpoint import judge_path, load_model, weights_hash, weights_path, write_network
from synthfm3d.model.view_judge import ViewJudge, read_judge, write_judge
from synthfm3d.model.volumetric import VolumetricConfig, VolumetricNetwork
from synthfm3d.segmentation.view_features import FEATURES


def judge_of(weight, bias=0.0):
    """One member that passes the number on through wide, nearly linear layers."""
    layers = (
        (np.full((1, 1, 1), weight), np.zeros((1, 1, 1))),
        (np.ones((1, 1, 1)), np.zeros((1, 1, 1))),
        (np.ones((1, 1, 1)), np.full((1, 1, 1), bias)),
    )
    return ViewJudge(features=("b",), mean=np.zeros(1), scale=np.ones(1), layers=layers, record={"n": 1})


def test_without_a_say_of_the_numbers_the_bias_is_predicted():
    predicted = judge_of(0.0, bias=np.log(3)).predicted_dice(("a", "b"), np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_allclose(predicted, 0.75)  # odds of three to one


def test_numbers_are_found_by_name_whatever_their_order():
    judge = judge_of(1.0)
    one = judge.predicted_dice(("a", "b"), np.array([[7.0, 2.0]]))
    other = judge.predicted_dice(("b", "a"), np.array([[2.0, -7.0]]))
    assert one == other
    with pytest.raises(ValueError, match="not in tuple"):
        judge.predicted_dice(("a",), np.array([[7.0]]))


def test_members_are_averaged():
    layers = tuple((np.concatenate([w, w]), np.concatenate([b, b + 1])) for w, b in judge_of(0.0).layers)
    both = replace(judge_of(0.0), layers=(*judge_of(0.0).layers[:0], *layers))
    alone = replace(both, layers=tuple((w[1:], b[1:]) for w, b in layers))
    expected = (
        judge_of(0.0).predicted_dice(("b",), np.ones((1, 1))) + alone.predicted_dice(("b",), np.ones((1, 1)))
    ) / 2
    np.testing.assert_allclose(both.predicted_dice(("b",), np.ones((1, 1))), expected)


def test_a_judge_comes_back_from_its_file(tmp_path):
    judge = judge_of(0.7, bias=0.2)
    write_judge(tmp_path / "judge.safetensors", judge)
    again = read_judge(tmp_path / "judge.safetensors")
    values = np.linspace(-3, 3, 7)[:, None]
    np.testing.assert_allclose(
        again.predicted_dice(("b",), values), judge.predicted_dice(("b",), values), rtol=1e-6
    )
    assert again.record == {"n": 1}


def test_files_that_are_no_judge_are_refused(tmp_path):
    (tmp_path / "junk.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(InputError, match="not a readable"):
        read_judge(tmp_path / "junk.safetensors")
    with pytest.raises(InputError, match="not a judge"):
        read_judge(weights_path("default"))


def test_the_shipped_judge_was_fitted_to_the_shipped_weights_and_takes_what_is_told_of_views():
    """Fails when the default model changes: python -m benchmarks.fit_judge."""
    path = weights_path("default")
    judge = read_judge(judge_path(path))
    assert judge.record["weights"] == weights_hash(path)
    assert set(judge.features) <= set(FEATURES)
    assert judge.record["clicks"] >= 200


def test_weights_come_with_their_own_judge_or_with_the_shipped_one(tmp_path):
    torch.manual_seed(0)
    tiny = VolumetricConfig(widths=(2, 2, 2, 2, 2), grid_shape=(16, 32, 32))
    path = tmp_path / "model.safetensors"
    write_network(path, VolumetricNetwork(tiny), {})
    assert load_model(str(path), "cpu").judge.features == load_model("default", "cpu").judge.features
    write_judge(judge_path(path), judge_of(1.0))
    assert load_model(str(path), "cpu").judge.features == ("b",)
