"""Weights of SAM 2: every layout is read, strictly, and what cannot be read says why."""

import os
import pickle
import sys
import types

import pytest
import torch
from transformers import Sam2VideoModel

from synthfm3d.errors import InputError
from synthfm3d.model.checkpoint import load_model, weights_hash, weights_path
from synthfm3d.model.sam2 import Sam2Network
from synthfm3d.model.sam2_checkpoint import (
    DamagedCheckpointError,
    MismatchedCheckpointError,
    UnsafeCheckpointError,
    model_card,
    read_folder,
    read_pt,
    write_folder,
    write_pt,
)
from synthfm3d.model.sam2_configuration import configuration_of
from synthfm3d.model.sam2_names import from_meta, to_meta
from synthfm3d.model.sam2_propagation import SliceStack, propagate
from synthfm3d.model.sam2_sizes import Sam2Settings

OFFICIAL = ["tiny", "small", "base-plus", "large"]
CARD = "---\nlicense: apache-2.0\n---\n# test"


def _same(one, other):
    first, second = one.sam.state_dict(), other.sam.state_dict()
    assert set(first) == set(second)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["2.0", "2.1"])
@pytest.mark.parametrize("name", OFFICIAL)
def test_official_sizes_come_back_from_a_file_in_metas_layout(tmp_path, name, version):
    torch.manual_seed(0)
    network = Sam2Network(configuration_of(Sam2Settings(size=name, version=version, image_size=1024)))
    bases = [network.sam.prompt_encoder.shared_embedding, network.sam.shared_image_embedding]
    bases[0].positional_embedding.copy_(bases[1].positional_embedding)
    write_pt(tmp_path / "sam2_hiera.pt", network)
    read = read_pt(tmp_path / "sam2_hiera.pt")
    _same(read, network)
    assert read.image_size == 1024
    assert read.configuration.to_dict() == network.configuration.to_dict()


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_names_go_to_metas_and_back(make_sam2, version):
    weights = make_sam2(version=version).sam.state_dict()
    there = to_meta(weights)
    back = from_meta(there)
    assert set(back) == set(weights)
    assert all(torch.equal(back[name], weights[name]) for name in weights)
    assert not set(there) & set(weights) - {
        n for n in weights if n.startswith(("memory_attention", "mask_down"))
    }


def test_version_2_0_lacks_what_2_1_learnt(make_sam2):
    old, new = (set(to_meta(make_sam2(version=v).sam.state_dict())) for v in ("2.0", "2.1"))
    assert new - old == {"no_obj_embed_spatial", "obj_ptr_tpos_proj.weight", "obj_ptr_tpos_proj.bias"}
    assert old < new


def test_a_run_folder_is_one_of_transformers(tmp_path, sam2):
    write_folder(tmp_path / "run", sam2, CARD)
    _same(read_folder(tmp_path / "run"), sam2)
    theirs, info = Sam2VideoModel.from_pretrained(tmp_path / "run", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert theirs.config.image_size == sam2.image_size
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip


def test_a_folder_that_transformers_wrote_is_read(tmp_path, sam2):
    sam2.sam.save_pretrained(tmp_path / "theirs")
    _same(read_folder(tmp_path / "theirs"), sam2)


def test_every_place_is_loaded_by_name_and_has_a_hash(tmp_path, sam2):
    write_folder(tmp_path / "run", sam2, CARD)
    write_pt(tmp_path / "sam2.1_ours.pt", sam2)
    for name in ("run", "run/model.safetensors", "sam2.1_ours.pt"):
        place = str(tmp_path / name)
        _same(load_model(place + "@128", "cpu").network, sam2)
        assert len(weights_hash(weights_path(place))) == 12
    assert load_model("default", "cpu").name == "default"


def test_a_model_runs_at_another_size_of_the_image(tmp_path, sam2):
    write_folder(tmp_path / "run", sam2, CARD)
    assert load_model(f"{tmp_path}/run@256", "cpu").grid_shape[1:] == (256, 256)
    with pytest.raises(InputError, match=r"default@512: only SAM 2 runs at another size"):
        load_model("default@512", "cpu")
    with pytest.raises(InputError, match="multiple of 32"):
        load_model(f"{tmp_path}/run@100", "cpu")


def test_a_file_of_medsam2_sees_512_pixels(tmp_path, sam2):
    write_pt(tmp_path / "MedSAM2_latest.pt", sam2)
    assert load_model(str(tmp_path / "MedSAM2_latest.pt"), "cpu").network.image_size == 512


def test_weights_wrapped_as_trainers_do_are_found(tmp_path, sam2):
    bare = {f"module.{name}": tensor.half() for name, tensor in to_meta(sam2.sam.state_dict()).items()}
    torch.save({"state_dict": bare, "epoch": 3}, tmp_path / "sam.pt")
    read = read_pt(tmp_path / "sam.pt", 128)
    name = "mask_decoder.mask_tokens.weight"
    torch.testing.assert_close(read.sam.state_dict()[name], sam2.sam.state_dict()[name].half().float())


class _Runs:
    def __reduce__(self):
        return os.getcwd, ()


def test_a_file_that_would_run_code_is_not_read(tmp_path):
    path = tmp_path / "evil.pt"
    torch.save({"model": _Runs()}, path)
    with pytest.raises(UnsafeCheckpointError, match=r"evil\.pt: holds more than weights.*getcwd"):
        load_model(str(path), "cpu")
    path.write_bytes(pickle.dumps({"model": _Runs()}))
    with pytest.raises(UnsafeCheckpointError):
        load_model(str(path), "cpu")


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.999])
def test_a_file_that_ends_early_is_called_damaged(tmp_path, sam2, kept):
    path = tmp_path / "sam2.pt"
    write_pt(path, sam2)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept if kept > 1 else kept * len(whole))])
    with pytest.raises(DamagedCheckpointError, match=r"sam2\.pt: is .*download it again"):
        load_model(str(path), "cpu")
    write_folder(tmp_path / "run", sam2, CARD)
    path = tmp_path / "run" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DamagedCheckpointError, match=r"model\.safetensors: is .*download it again"):
        load_model(str(tmp_path / "run"), "cpu")


def test_weights_of_another_model_are_named(tmp_path, sam2):
    torch.save({"model": {"layer.weight": torch.zeros(3)}}, tmp_path / "other.pt")
    with pytest.raises(MismatchedCheckpointError, match="no weights of SAM 2"):
        load_model(str(tmp_path / "other.pt"), "cpu")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(MismatchedCheckpointError, match="holds no weights"):
        load_model(str(tmp_path / "list.pt"), "cpu")


def test_what_does_not_fit_is_named_by_its_keys(tmp_path, sam2):
    weights = to_meta(sam2.sam.state_dict())
    weights["no_mem_pos_enc"] = torch.zeros(1, 1, 96)
    del weights["memory_attention.norm.weight"]
    weights["extra.weight"] = torch.zeros(2)
    torch.save({"model": weights}, tmp_path / "changed.pt")
    with pytest.raises(MismatchedCheckpointError) as caught:
        load_model(str(tmp_path / "changed.pt"), "cpu")
    for told in ("memory_attention.layer_norm.weight", "extra.weight", "(1, 1, 96) instead of (1, 1, 128)"):
        assert told in str(caught.value)


def test_a_width_that_no_size_has_is_told_with_those_that_exist(tmp_path, sam2):
    weights = to_meta(sam2.sam.state_dict())
    weights["image_encoder.trunk.patch_embed.proj.weight"] = torch.zeros(48 + 5, 3, 7, 7)
    torch.save({"model": weights}, tmp_path / "wide.pt")
    with pytest.raises(MismatchedCheckpointError, match=r"53 wide.*tiny: 96, 12, 256"):
        load_model(str(tmp_path / "wide.pt"), "cpu")


def test_a_hub_name_that_cannot_be_had_tells_the_way_out(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"facebook/sam2-none: neither a file here nor.*give their folder"):
        load_model("facebook/sam2-none", "cpu")


def test_the_card_says_that_the_data_are_synthetic_and_how_it_was_made():
    record = {
        "synthfm3d": "0.1.0", "generator_version": 3, "seed": 5, "steps": 10, "hours": 0.1,
        "config": {"steps": 10, "data": {"length": (8, 8)}}, "metrics": {"validation_dice": 0.5},
    }  # fmt: skip
    card = model_card("test", record)
    for told in (
        "license: apache-2.0",
        "synthetic volumes only",
        "generator version 3",
        "validation_dice | 0.5",
    ):
        assert told in card
    assert "length:\n  - 8" in card
    assert "fine-tuned" not in card


@pytest.mark.slow
@pytest.mark.skipif(
    "SYNTHFM3D_SAM2_SOURCE" not in os.environ, reason="needs Meta's source: set SYNTHFM3D_SAM2_SOURCE"
)
def test_metas_own_code_reads_what_is_written_and_gives_the_same_masks(tmp_path, slices, said):
    """The unpacked source distribution ``sam2`` as an oracle; imports that it does not need are stubbed."""
    meta = _meta_tiny(os.environ["SYNTHFM3D_SAM2_SOURCE"], 128)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in meta.parameters():
            if parameter.abs().max() < 1e-4:
                parameter.normal_(std=0.1)
    torch.save({"model": meta.state_dict()}, tmp_path / "meta.pt")
    network = read_pt(tmp_path / "meta.pt", 128)
    assert set(to_meta(network.sam.state_dict())) == set(meta.state_dict())
    meta.eval()
    with torch.inference_mode():
        theirs = meta.forward_image(slices[:2])
        ours = network.encode(slices[:2])
    for mine, other in zip((ours.fine, ours.middle, ours.coarse), theirs["backbone_fpn"], strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)
    stack = SliceStack(len(slices), lambda index: slices[index])
    for kind in ("click", "box"):
        answers = dict(propagate(network, stack, {3: [said[kind]]}))
        for way in (range(3, len(slices)), range(3, -1, -1)):
            for index, logits in _metas_answers(meta, slices, said[kind], way):
                torch.testing.assert_close(answers[index].best, logits, atol=1e-5, rtol=0)


def _metas_answers(meta, slices, prompt, way):
    """Logits of the slices of a way, the first of which is prompted, from Meta's ``track_step``."""
    known = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    for index in way:
        prompted = index == way.start
        with torch.inference_mode():
            _, features, positions, sizes = meta._prepare_backbone_features(
                meta.forward_image(slices[index : index + 1])
            )
            said = {"point_coords": prompt.points[None], "point_labels": prompt.labels[None]}
            answer = meta.track_step(
                frame_idx=index, is_init_cond_frame=prompted, current_vision_feats=features,
                current_vision_pos_embeds=positions, feat_sizes=sizes,
                point_inputs=said if prompted else None, mask_inputs=None, output_dict=known,
                num_frames=len(slices), track_in_reverse=way.step < 0, run_mem_encoder=True,
            )  # fmt: skip
        # As its predictor for videos keeps them.
        answer["maskmem_features"] = answer["maskmem_features"].to(torch.bfloat16)
        known["cond_frame_outputs" if prompted else "non_cond_frame_outputs"][index] = answer
        yield index, answer["pred_masks"]


def _stub_what_meta_imports():
    """Modules that Meta's code imports for its command line and its files, neither of which is used here."""
    for name, content in {
        "hydra": {"initialize_config_module": lambda *a, **k: None},
        "hydra.core": {},
        "hydra.core.global_hydra": {
            "GlobalHydra": types.SimpleNamespace(
                instance=lambda: types.SimpleNamespace(is_initialized=lambda: True)
            )
        },
        "iopath": {}, "iopath.common": {}, "iopath.common.file_io": {"g_pathmgr": None},
    }.items():  # fmt: skip
        module = types.ModuleType(name)
        module.__dict__.update(content)
        sys.modules[name] = module


def _meta_tiny(source, size):
    """Meta's hiera-tiny with random weights, built as its configuration builds it."""
    _stub_what_meta_imports()
    sys.path.insert(0, source)
    from sam2.modeling.backbones.hieradet import Hiera
    from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
    from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
    from sam2.modeling.memory_encoder import CXBlock, Fuser, MaskDownSampler, MemoryEncoder
    from sam2.modeling.position_encoding import PositionEmbeddingSine
    from sam2.modeling.sam.transformer import RoPEAttention
    from sam2.modeling.sam2_base import SAM2Base

    def waves(width):
        return PositionEmbeddingSine(num_pos_feats=width, normalize=True, scale=None, temperature=10000)

    def attention(**more):
        return RoPEAttention(
            rope_theta=10000.0, feat_sizes=(64, 64), embedding_dim=256, num_heads=1, downsample_rate=1,
            dropout=0.1, **more,
        )  # fmt: skip

    layer = MemoryAttentionLayer(
        activation="relu", dim_feedforward=2048, dropout=0.1, pos_enc_at_attn=False,
        self_attention=attention(), d_model=256,
        pos_enc_at_cross_attn_keys=True, pos_enc_at_cross_attn_queries=False,
        cross_attention=attention(rope_k_repeat=True, kv_in_dim=64),
    )  # fmt: skip
    fuser = CXBlock(dim=256, kernel_size=7, padding=3, layer_scale_init_value=1e-6, use_dwconv=True)
    trunk = Hiera(
        embed_dim=96, num_heads=1, stages=(1, 2, 7, 2), global_att_blocks=(5, 7, 9),
        window_pos_embed_bkg_spatial_size=(7, 7),
    )  # fmt: skip
    neck = FpnNeck(
        position_encoding=waves(256), d_model=256, backbone_channel_list=[768, 384, 192, 96],
        fpn_top_down_levels=[2, 3], fpn_interp_model="nearest",
    )  # fmt: skip
    return SAM2Base(
        image_encoder=ImageEncoder(scalp=1, trunk=trunk, neck=neck),
        memory_attention=MemoryAttention(d_model=256, pos_enc_at_input=True, num_layers=4, layer=layer),
        memory_encoder=MemoryEncoder(
            out_dim=64, position_encoding=waves(64), fuser=Fuser(fuser, num_layers=2),
            mask_downsampler=MaskDownSampler(kernel_size=3, stride=2, padding=1),
        ),
        image_size=size, num_maskmem=7, no_obj_embed_spatial=True, use_high_res_features_in_sam=True,
        use_obj_ptrs_in_encoder=True, add_tpos_enc_to_obj_ptrs=True, proj_tpos_enc_in_obj_ptrs=True,
        pred_obj_scores=True, pred_obj_scores_mlp=True, fixed_no_obj_ptr=True, use_mlp_for_obj_ptr_proj=True,
        directly_add_no_mem_embed=True, use_mask_input_as_output_without_sam=True,
        multimask_output_in_sam=True, sigmoid_scale_for_mem_enc=20.0, sigmoid_bias_for_mem_enc=-10.0,
        binarize_mask_from_pts_for_mem_enc=True, iou_prediction_use_sigmoid=True,
        use_signed_tpos_enc_to_obj_ptrs=True, only_obj_ptrs_in_the_past_for_eval=True,
        multimask_output_for_tracking=True, use_multimask_token_for_obj_ptr=True, multimask_min_pt_num=0,
        multimask_max_pt_num=1, sam_mask_decoder_extra_args={
            "dynamic_multimask_via_stability": True, "dynamic_multimask_stability_delta": 0.05,
            "dynamic_multimask_stability_thresh": 0.98,
        },
    )  # fmt: skip
