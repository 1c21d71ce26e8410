"""ACDC, MM-WHS and micro-ultrasound: a placeholder geometry, a slip of a label, two who drew."""

import pytest

from synthfm3d.evaluation.datasets.registry import DATASETS


def test_the_spacing_of_acdc_is_that_of_the_header_not_of_its_placeholder_sform(copy, look):
    path = copy("acdc")
    case = look("acdc", path, "patient101_ED")
    assert case.image.spacing_mm == pytest.approx((10.0, 1.316, 1.316), abs=1e-5)
    assert case.label_map.spacing_mm == case.image.spacing_mm
    assert "its sform says 1 mm" in case.notes[0]
    assert len(case.notes) == 1
    assert case.image.doubts == ()  # they would name the folders of whoever ran it
    assert look("acdc", path, "patient001_ED").notes == ()


def test_ed_and_es_are_the_frames_that_info_cfg_names(copy):
    cases = DATASETS["acdc"].listing(copy("acdc")).cases
    images = {case.name: case.read.args[2].args[0].image.name for case in cases}
    assert images["acdc/patient101_ED"] == "patient101_frame04.nii.gz"
    assert images["acdc/patient101_ES"] == "patient101_frame11.nii.gz"
    assert {case.name: case.split for case in cases}["acdc/patient101_ED"] == "test"


def test_without_info_cfg_the_labelled_frames_keep_their_numbers(copy, look):
    path = copy("acdc")
    next(path.rglob("patient001/Info.cfg")).unlink()
    case = look("acdc", path, "patient001_frame12")
    assert case.notes == ("Info.cfg does not give the frames of ED and ES.",)


def test_a_missing_frame_of_acdc_is_named(copy):
    path = copy("acdc")
    next(path.rglob("patient001_frame12_gt.nii.gz")).unlink()
    (excluded,) = DATASETS["acdc"].listing(path).excluded
    assert excluded.name == "acdc/patient001_ES"
    assert excluded.reason == "patient001_frame12_gt.nii.gz is missing."


def test_the_slip_in_a_label_of_mm_whs_is_read_as_the_left_atrium_and_told(copy, look):
    path = copy("mm-whs-mr")
    case = look("mm-whs-mr", path, "mr_train_1001")
    other = look("mm-whs-ct", path, "ct_train_1001")
    assert "3 voxels have the value 421, which is a mistake for 420" in case.notes[0]
    assert (case.label_map.voxels == other.label_map.voxels).all()


def test_expert_and_non_expert_labels_are_cases_of_one_patient(copy, look):
    path = copy("micro-ultrasound")
    expert = look("micro-ultrasound", path, "test_01")
    other = look("micro-ultrasound", path, "test_01_non_expert")
    assert [t.label_source for t in (*expert.targets, *other.targets)] == ["expert", "non-expert"]
    assert expert.patient == other.patient == "micro-ultrasound/test_01"
    assert other.label_map.voxels.sum() < expert.label_map.voxels.sum()
