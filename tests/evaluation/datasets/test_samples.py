"""The frozen targets, and the real scans where they are present."""

import json
from pathlib import Path

import pytest

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.samples import sample_cases
from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox, ShrinkingMask
from synthfm3d.evaluation.run import run_evaluation


def test_ten_cases_and_39_targets_are_frozen(tmp_path: Path) -> None:
    cases = sample_cases(tmp_path)
    assert [case.name for case in cases] == [
        "ct_ts_torso",
        "mr_ts_abdomen",
        "mr_scd_hfi09_a",
        "mr_sct_t2",
        "us_liver_sweep",
        "mr_vxm_brain",
        "us_camus_p0002_4ch",
        "mr_chaos_t2_13",
        "mr_acdc_022_f11",
        "ct_ibsi_sarcoma003",
    ]
    assert sum(len(case.targets) for case in cases) == 39
    sources = {case.name: {target.label_source for target in case.targets} for case in cases}
    assert sources["mr_scd_hfi09_a"] == {"expert"}
    assert sources["us_liver_sweep"] == {"non-expert"}
    assert sources["ct_ts_torso"] == {"automatic"}


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        sample_cases(tmp_path / "nowhere")


def test_a_folder_without_scans_is_an_error_that_names_the_first_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"10 cases cannot be used.*ct_ts_torso.image\.nii\.gz"):
        run_evaluation(sample_cases(tmp_path), [EllipsoidFromBox()])


def test_the_real_scans_hold_the_frozen_volumes(samples: Path) -> None:
    stated = {
        (row["case"], row["structure"]): row["ml"]
        for name in ("targets.json", "targets-more.json")
        for row in json.loads((samples / name).read_text())
    }
    small = [
        case
        for case in sample_cases(samples)
        if case.name in ("mr_ts_abdomen", "mr_sct_t2", "ct_ts_torso", "mr_acdc_022_f11")
    ]
    report = run_evaluation(small, [EllipsoidFromBox(), ShrinkingMask()], with_pictures=False)
    assert not report.unusable
    assert not report.absent
    assert {score.modality for score in report.scores} == {"ct", "mr"}
    for score in report.scores:
        assert score.error is None
        assert score.reference_ml == pytest.approx(stated[score.case, score.structure], abs=0.06)
        if score.method == "shrinking mask":
            assert score.prompt_slice_dice > 0.99  # but for stray components, it copies the slice


def test_the_frames_of_an_echocardiogram_lie_in_time(samples: Path) -> None:
    (pending,) = (case for case in sample_cases(samples) if case.name == "us_camus_p0002_4ch")
    case = pending.read()
    assert case.image.third_axis == case.label_map.third_axis == "time"
    assert case.image.voxels.shape[0] == 2
    assert not case.absent
