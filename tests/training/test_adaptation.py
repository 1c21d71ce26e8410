"""Adaptation to labelled scans: unlabelled slices are ignored, and a resumed run gives the same weights."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from synthfm3d.errors import InputError
from synthfm3d.loading.labelled_patches import (
    LabelledPatches,
    LabelledPatchSettings,
    MixedPatches,
    _filled,
    _labels_on,
)
from synthfm3d.loading.labelled_scans import labelled_scan
from synthfm3d.loading.patches import PatchSettings
from synthfm3d.loading.targets import TargetSettings
from synthfm3d.model.checkpoint import read_network, weights_hash
from synthfm3d.model.volumetric import VolumetricConfig
from synthfm3d.training.adaptation import RECORD_FILE, RUN_FOLDER, adapt, is_gain
from synthfm3d.training.adaptation_family import AdaptationConfig, AdaptationFamily
from synthfm3d.training.config import OptimiserConfig, ValidationConfig
from synthfm3d.training.loop import LOG_FILE
from synthfm3d.training.own_scans import held_back, own_scan
from synthfm3d.training.rounds import RoundSettings
from synthfm3d.training.volumetric import segmentation_loss
from synthfm3d.volume import Array, Grid, Volume, content_hash

SHAPE = (16, 48, 48)
SYNTHETIC = PatchSettings(
    depth=(16,),
    in_plane=(64,),
    per_volume=2,
    least_region_voxels=100,
    targets=TargetSettings(least_voxels=60),
)
TINY = AdaptationConfig(
    start=None,
    steps=4,
    batch_size=1,
    workers=0,
    model=VolumetricConfig(widths=(4, 4, 4, 4, 4), grid_shape=(16, 32, 32)),
    data=SYNTHETIC,
    synthetic_share=0.0,
    synthetic_patches=0,
    validation=ValidationConfig(patches=3),
    rounds=RoundSettings(shares=(0.5, 0.5)),
)


def ball(radius: float = 10.0, seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> tuple[Volume, Array]:
    """A bright ball in noise, and its mask; slices lie 2 mm apart, pixels 1 mm."""
    grid = Grid.from_spacing(shape, (2.0, 1.0, 1.0))
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    middle = np.array(shape) / 2
    mask = 4 * (z - middle[0]) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2 < radius**2
    noise = np.random.default_rng(seed).normal(0, 10, shape)
    return Volume(voxels=(100 + 60 * mask + noise).astype(np.float32), affine=grid.affine), mask


def balls(count: int) -> list:
    return [own_scan(image, {"ball": mask}) for image, mask in (ball(9.0 + n, n) for n in range(count))]


# --- which slices are known -------------------------------------------------------------------------


def test_an_object_that_tapers_at_both_ends_was_labelled_on_all_slices():
    image, mask = ball()
    assert own_scan(image, {"ball": mask}).structures["ball"].known.all()


@pytest.mark.parametrize("slices", [[8], [5, 8, 11], [7, 8, 9]], ids=["one", "with gaps", "cut off"])
def test_slices_without_an_outline_are_unknown_where_outlines_are_few(slices):
    image, mask = ball()
    some = np.zeros_like(mask)
    some[slices] = mask[slices]
    known = own_scan(image, {"ball": some}).structures["ball"].known
    assert np.flatnonzero(known).tolist() == slices


def test_the_user_can_say_that_all_slices_or_only_the_outlined_ones_are_labelled():
    image, mask = ball()
    shown = mask.any(axis=(1, 2))
    assert np.array_equal(own_scan(image, {"ball": mask}, "some").structures["ball"].known, shown)
    few = mask.copy()
    few[:8] = False
    assert own_scan(image, {"ball": few}, "all").structures["ball"].known.all()


def test_outlines_on_sagittal_slices_turn_the_scan():
    image, mask = ball()
    few = np.zeros_like(mask)
    for x in (20, 24, 28):
        few[:, :, x] = mask[:, :, x]
    scan = own_scan(image, {"ball": few})
    assert scan.image.voxels.shape == (48, 16, 48)
    assert np.flatnonzero(scan.structures["ball"].known).tolist() == [20, 24, 28]


def test_empty_labels_are_refused():
    image, mask = ball()
    with pytest.raises(InputError, match="empty"):
        labelled_scan(image, {"ball": np.zeros_like(mask)})


def test_the_hash_of_a_scan_does_not_depend_on_its_storage_order():
    image, mask = ball()
    turned = image.reordered((2, 0, 1), (True, False, True))
    assert content_hash(turned) == content_hash(image) == own_scan(image, {"ball": mask}).sha256
    assert content_hash(image.with_voxels(image.voxels + 1)) != content_hash(image)


# --- what is held back ------------------------------------------------------------------------------


def test_what_judges_is_never_learnt_from():
    image, mask = ball()
    (learnt,), (judged,), what = held_back([own_scan(image, {"ball": mask})], 0)
    assert what == "slices"
    assert not (learnt.structures["ball"].known & judged.structures["ball"].known).any()
    scans = balls(4)
    learnt, judged, what = held_back(scans, 0)
    assert what == "scans"
    assert {s.sha256 for s in learnt} | {s.sha256 for s in judged} == {s.sha256 for s in scans}
    assert (len(learnt), len(judged)) == (3, 1)


def test_a_structure_that_one_scan_alone_shows_is_learnt():
    scans = balls(3)
    image, mask = ball(12.0, 9)
    scans.append(own_scan(image, {"ball": mask, "rare": mask}))
    for seed in range(8):
        learnt, _, _ = held_back(scans, seed)
        assert {name for scan in learnt for name in scan.structures} == {"ball", "rare"}


def test_one_outlined_slice_in_all_is_too_few():
    image, mask = ball()
    one = np.zeros_like(mask)
    one[8] = mask[8]
    with pytest.raises(InputError, match="at least two slices"):
        held_back([own_scan(image, {"ball": one})], 0)


def test_two_scans_of_one_slice_each_judge_each_other():
    scans = []
    for seed in (0, 1):
        image, mask = ball(seed=seed)
        one = np.zeros_like(mask)
        one[8] = mask[8]
        scans.append(own_scan(image, {"ball": one}))
    learnt, judged, what = held_back(scans, 0)
    assert (len(learnt), len(judged), what) == (1, 1, "scans")


# --- patches and loss -------------------------------------------------------------------------------


def test_patches_show_targets_on_known_slices_alone_and_are_functions_of_their_number():
    image, mask = ball()
    some = np.zeros_like(mask)
    some[[5, 8, 11]] = mask[[5, 8, 11]]
    patches = LabelledPatches([own_scan(image, {"ball": some})], 3, (16, 32, 32), LabelledPatchSettings())
    again = LabelledPatches([own_scan(image, {"ball": some})], 3, (16, 32, 32), LabelledPatchSettings())
    for number in range(6):
        patch = patches[number]
        assert patch.target.any()
        assert not patch.known.all()
        assert not patch.target[~patch.known].any()
        assert np.array_equal(patch.channels, again[number].channels)


def test_the_target_of_a_sparse_outline_is_that_of_the_full_one_where_it_is_known():
    image, mask = ball()
    some = np.zeros_like(mask)
    some[[6, 8, 10]] = mask[[6, 8, 10]]
    sparse, full = (own_scan(image, {"ball": m}).structures["ball"] for m in (some, mask))
    region = Grid.from_spacing((16, 32, 32), (2.0, 1.0, 1.0)).moved((0.0, 8.0, 8.0))
    target, known = _labels_on(region, _filled(sparse), sparse.known, image.grid)
    whole, _ = _labels_on(region, _filled(full), full.known, image.grid)
    assert np.array_equal(target, whole & known)
    assert np.flatnonzero(known.any(axis=(1, 2))).tolist() == [6, 8, 10]


def test_what_is_unknown_changes_neither_loss_nor_gradient():
    known = torch.zeros(1, 1, 4, 8, 8)
    known[:, :, 1] = 1
    target = torch.zeros_like(known)
    target[:, :, 1, 2:6, 2:6] = 1
    logits = torch.randn(known.shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    first = segmentation_loss(logits, target, known)
    first.total.backward()
    assert logits.grad is not None
    assert logits.grad[known == 0].abs().max() == 0
    assert logits.grad[known == 1].abs().min() > 0
    other = torch.where(known == 1, logits.detach(), torch.tensor(7.0))
    assert segmentation_loss(other, target, known).total == pytest.approx(first.total.item(), rel=1e-6)


def test_where_all_is_known_the_loss_is_the_usual_one():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 4, 8, 8, generator=generator)
    target = (torch.rand(logits.shape, generator=generator) > 0.5).float()
    usual, masked = (
        segmentation_loss(logits, target),
        segmentation_loss(logits, target, torch.ones_like(target)),
    )
    assert masked.total.item() == pytest.approx(usual.total.item(), rel=1e-6)


def test_the_share_of_synthetic_patches_is_kept():
    labelled = LabelledPatches(balls(1), 0, (16, 32, 32), LabelledPatchSettings())
    mixed = MixedPatches(labelled, SYNTHETIC, 0.25)
    shown = [mixed[n] for n in range(8)]
    assert [int(bool(sample["known"].all())) for sample in shown]  # all items are of one form
    turns = [int((n + 1) * 0.25) - int(n * 0.25) for n in range(400)]
    assert sum(turns) == 100
    assert mixed.volumes(8).stop > 0


# --- the run ----------------------------------------------------------------------------------------


def test_a_resumed_adaptation_is_the_adaptation(tmp_path):
    scans, config = balls(1), replace(TINY, steps=20, synthetic_share=0.25, patience=100)
    whole = adapt(scans, tmp_path / "whole", config, device="cpu")
    stopped = tmp_path / "stopped"

    def stop(entry):
        if entry.get("step") == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(scans, stopped, config, device="cpu", report=lambda e: stop(e))
    resumed = adapt(scans, stopped, config, device="cpu", resume=True)
    best = [folder / RUN_FOLDER / "best" / "model.safetensors" for folder in (tmp_path / "whole", stopped)]
    networks = [read_network(path)[0].state_dict() for path in best]
    assert all(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])
    assert resumed.after == whole.after
    logs = [(f / RUN_FOLDER / LOG_FILE).read_text().splitlines() for f in (tmp_path / "whole", stopped)]
    lines = [[{k: v for k, v in json.loads(row).items() if k not in ("seconds", "waiting")} for row in log]
             for log in logs]  # fmt: skip
    assert lines[0] == lines[1]


def test_a_run_that_stopped_before_its_first_checkpoint_begins_again(tmp_path):
    def stop(entry):
        if entry.get("step") == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(balls(1), tmp_path / "model", TINY, device="cpu", report=stop)
    assert adapt(balls(1), tmp_path / "model", TINY, device="cpu", resume=True).after


def test_a_run_that_got_worse_writes_no_weights_and_its_record_says_so(tmp_path):
    scans = balls(1)
    # A learning rate of next to nothing: the average stays where it began, and equal is not better.
    config = replace(TINY, optimiser=OptimiserConfig(rate=1e-12))
    told = adapt(scans, tmp_path / "model", config, device="cpu")
    assert told.weights is None
    assert not (tmp_path / "model" / "model.safetensors").exists()
    record = json.loads((tmp_path / "model" / RECORD_FILE).read_text())
    assert record["written"] is False
    assert "not clearly better" in record["result"]
    assert record["before"] == told.before


@pytest.mark.parametrize(
    ("gains", "kept"),
    [
        ([0.02, 0.03, 0.04, 0.03], True),  # mean 0.03, standard error 0.004
        ([0.3, -0.2, 0.1, -0.1], False),  # mean 0.025, standard error 0.11
        ([-0.02, -0.03], False),
        ([0.0, 0.0], False),
        ([0.01], True),
    ],
)
def test_a_gain_is_larger_than_its_standard_error(gains, kept):
    before = np.full(len(gains), 0.5)
    assert is_gain(before, before + gains) is kept


def test_the_model_remembers_the_scans_by_hashes_alone(tmp_path):
    scans = balls(3)
    config = replace(TINY, steps=60, optimiser=OptimiserConfig(rate=5e-3, warmup_steps=5), averaging=0.5)
    told = adapt(scans, tmp_path / "model", config, device="cpu")
    assert told.weights is not None
    assert told.after["validation_dice"] > told.before["validation_dice"]
    _, record = read_network(told.weights)
    assert record["scans_sha256"] == sorted(scan.sha256 for scan in scans)
    assert "labelled scans" in record["data"]
    assert len(weights_hash(told.weights)) == 12


def test_a_run_ends_early_where_the_held_back_part_gets_no_better(tmp_path):
    config = replace(TINY, steps=40, patience=2, optimiser=OptimiserConfig(rate=1e-12))
    adapt(balls(1), tmp_path / "model", config, device="cpu")
    log = (tmp_path / "model" / RUN_FOLDER / LOG_FILE).read_text().splitlines()
    # Ten validations were planned, every 4 steps. The first is the best, and two more are waited for.
    assert json.loads(log[-1])["step"] == 12


def test_minutes_become_steps(tmp_path):
    steps: list[int] = []
    adapt(
        balls(1),
        tmp_path / "model",
        TINY,
        minutes=0.05,
        device="cpu",
        report=lambda entry: steps.append(entry["steps"]) if "steps" in entry else None,
    )
    assert steps[0] >= 10
    assert json.loads((tmp_path / "model" / RUN_FOLDER / "plan.json").read_text())["steps"] == steps[0]


def test_other_scans_do_not_resume_a_run(tmp_path):
    adapt(balls(1), tmp_path / "model", TINY, device="cpu")
    shutil.rmtree(tmp_path / "model" / RUN_FOLDER / "best")
    image, mask = ball(8.0, 77)
    with pytest.raises(InputError, match="scans"):
        adapt([own_scan(image, {"ball": mask})], tmp_path / "model", TINY, device="cpu", resume=True)


def test_validation_reads_known_voxels_alone():
    image, mask = ball()
    some = np.zeros_like(mask)
    some[[6, 8, 10]] = mask[[6, 8, 10]]
    scans = [own_scan(image, {"ball": some})]
    family = AdaptationFamily(TINY, scans, scans)

    class Everything(torch.nn.Module):
        def forward(self, inputs):
            return torch.ones_like(inputs[:, :1])

    for sample in family._judging_samples():
        assert not sample["target"][sample["known"] == 0].any()
    everything = family.validate(Everything(), torch.device("cpu"))["validation_dice"]
    shares = [
        2 * s["target"].sum() / (s["target"].sum() + s["known"].sum()) for s in family._judging_samples()
    ]
    assert min(shares) - 0.01 <= everything <= max(shares) + 0.01
