"""The volumetric network and the way prompts enter it."""

import numpy as np
import pytest
import torch
from safetensors.torch import save

from synthfm3d.errors import InputError
from synthfm3d.model.checkpoint import load_model, read_network, write_network
from synthfm3d.model.prompt_channels import PROMPT_CHANNELS, prompt_channels
from synthfm3d.model.volumetric import (
    INPUT_CHANNELS,
    ResidualBlock,
    VolumetricConfig,
    VolumetricModel,
    VolumetricNetwork,
    _shuffle_in_plane,
)
from synthfm3d.prompts.prompt import GridPrompts

TINY = VolumetricConfig(widths=(4, 4, 8, 8, 8), grid_shape=(16, 32, 32))
CLICK = GridPrompts(positive=np.array([[4.0, 10.0, 20.0]]))


def test_a_click_is_a_blob_on_its_slice_alone():
    channels = prompt_channels(CLICK, (8, 32, 32))
    assert channels.shape == (PROMPT_CHANNELS, 8, 32, 32)
    assert np.unravel_index(channels[0].argmax(), (8, 32, 32)) == (4, 10, 20)
    assert channels[0].max() == 1
    assert not np.delete(channels[0], 4, axis=0).any()
    assert not channels[1:].any()


def test_negative_clicks_boxes_masks_and_the_previous_result_have_channels_of_their_own():
    mask = np.zeros((8, 32, 32), np.int8)
    mask[2] = -1
    mask[2, 5:9, 5:9] = 1
    prompts = GridPrompts(
        negative=np.array([[1.0, 2.0, 3.0]]), boxes=np.array([[[3.0, 4, 5], [3, 10, 12]]]), mask=mask
    )
    channels = prompt_channels(prompts, (8, 32, 32), previous=np.full((8, 32, 32), -40.0, np.float32))
    assert channels[1, 1, 2, 3] == 1
    assert channels[2].sum() == channels[2, 3, 4:11, 5:13].sum() == 7 * 8
    assert np.array_equal(channels[3], mask)
    assert channels[4] == pytest.approx(-1)


def test_a_click_beyond_the_grid_leaves_no_trace():
    outside = GridPrompts(positive=np.array([[4.0, 10.0, 20.0], [9.0, 5.0, 5.0], [4.0, -30.0, 5.0]]))
    assert np.array_equal(prompt_channels(outside, (8, 32, 32)), prompt_channels(CLICK, (8, 32, 32)))


def test_prompts_that_do_not_say_where_the_object_is_are_refused():
    with pytest.raises(ValueError, match="positive point"):
        GridPrompts(negative=np.array([[1.0, 2.0, 3.0]]))


def test_logits_have_the_resolution_of_the_input():
    network = VolumetricNetwork(VolumetricConfig(widths=(4, 4, 8, 8, 8), grid_shape=(16, 64, 96)))
    assert network(torch.zeros(2, INPUT_CHANNELS, 16, 64, 96)).shape == (2, 1, 16, 64, 96)


def test_the_sub_pixel_step_puts_four_channels_into_a_two_by_two_square():
    x = torch.arange(4.0).view(1, 4, 1, 1, 1)
    assert _shuffle_in_plane(x)[0, 0, 0].tolist() == [[0, 1], [2, 3]]


def test_the_shipped_size_has_less_than_four_million_parameters():
    network = VolumetricNetwork(VolumetricConfig())
    assert 3e6 < sum(p.numel() for p in network.parameters()) < 4e6


@pytest.mark.parametrize("grid_shape", [(30, 128, 128), (32, 100, 128), (0, 32, 32), (8, 32, 32)])
def test_a_grid_that_cannot_be_halved_is_refused(grid_shape):
    with pytest.raises(ValueError, match="grid_shape"):
        VolumetricConfig(grid_shape=grid_shape)


def test_weights_written_and_read_give_the_same_logits_to_half_precision(tmp_path):
    torch.manual_seed(0)
    network = VolumetricNetwork(TINY).eval()
    write_network(tmp_path / "model.safetensors", network, {"steps": 3})
    read, training = read_network(tmp_path / "model.safetensors")
    assert training == {"steps": 3}
    x = torch.rand(1, INPUT_CHANNELS, 16, 32, 32)
    torch.testing.assert_close(read.eval()(x), network(x), atol=0.02, rtol=0.02)
    model = load_model(str(tmp_path), "cpu")
    assert model.grid_shape == (16, 32, 32)


def test_the_model_answers_through_the_interface_and_listens_to_the_prompt():
    torch.manual_seed(0)
    model = VolumetricModel(VolumetricNetwork(TINY), "tiny", torch.device("cpu"))
    features = model.prepare(np.random.default_rng(0).random((3, 16, 32, 32), np.float32), (1.0, 1.0, 1.0))
    first = model.logits(features, CLICK)
    other = model.logits(features, GridPrompts(positive=np.array([[4.0, 25.0, 5.0]])))
    assert first.shape == (16, 32, 32)
    assert first.dtype == np.float32
    assert not np.array_equal(first, other)
    with pytest.raises(ValueError, match="channels"):
        model.prepare(np.zeros((3, 16, 32, 16), np.float32), (1.0, 1.0, 1.0))


def test_the_default_model_ships_with_the_package_and_says_how_it_was_trained():
    from importlib.resources import files

    _, training = read_network(files("synthfm3d.model") / "weights" / "nano.safetensors")
    assert training["data"] == "synthetic volumes only"
    assert training["steps"] >= 1000
    assert load_model("default", "cpu").name == "default"


def test_names_and_files_that_are_no_model_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such model"):
        load_model("sam3")
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_model(str(tmp_path))
    junk = tmp_path / "junk.safetensors"
    junk.write_bytes(b"\x00" * 100)
    with pytest.raises(InputError, match=r"junk\.safetensors"):
        load_model(str(junk))


def test_a_truncated_weights_file_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    write_network(path, VolumetricNetwork(TINY), {})
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match="not a readable"):
        load_model(str(path))


def test_weights_of_another_format_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"not weights of a model that is known here \(SAM 2, volumetric\)"):
        load_model(str(tmp_path / "other.safetensors"))


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="--device cpu"):
        load_model("default", "cuda:99")


def test_the_gradient_of_the_smallest_maps_is_finite_in_bfloat16():
    """Maps of 2 x 2 x 2 voxels, whose bfloat16 gradient oneDNN computes from unset memory on some
    processors.
    """
    torch.manual_seed(0)
    block = ResidualBlock(32, 64, (2, 2, 2))
    for _ in range(20):
        junk = torch.full((1_000_000,), float("nan"))
        del junk  # what is freed may be what is read
        block.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            block(torch.rand(2, 32, 4, 4, 4)).square().sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in block.parameters())


def test_weights_of_an_earlier_version_are_named(tmp_path):
    path = tmp_path / "old.safetensors"
    path.write_bytes(save({"a": torch.zeros(1)}, {"format": "synthfm3d-volumetric-3"}))
    with pytest.raises(InputError, match="earlier version"):
        read_network(path)
