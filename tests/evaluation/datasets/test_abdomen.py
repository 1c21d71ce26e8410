"""AMOS22, CHAOS and TotalSegmentator: modality by number, pictures by place, masks that overlap."""

import numpy as np
import pytest
from miniatures import chaos_ct_labels, chaos_mr_grey

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.registry import DATASETS
from synthfm3d.io.nifti import read_labels


def names(dataset, path):
    return [case.name.removeprefix(f"{dataset}/") for case in DATASETS[dataset].listing(path).cases]


# --- AMOS22 -----------------------------------------------------------------------------------------


def test_the_number_of_an_amos_scan_tells_ct_from_mr(copy):
    path = copy("amos-ct")
    assert names("amos-ct", path) == ["amos_0001", "amos_0004", "amos_0500", "amos_0008"]
    assert names("amos-mr", path) == ["amos_0500", "amos_0507", "amos_0510"]
    splits = {case.name: case.split for case in DATASETS["amos-mr"].listing(path).cases}
    assert splits["amos-mr/amos_0507"] == "training"
    assert splits["amos-mr/amos_0510"] == "validation"


def test_where_sources_disagree_on_a_number_the_values_decide(copy, look, refused):
    path = copy("amos-ct")
    assert look("amos-mr", path, "amos_0500").image.modality == "mr"
    assert "its values are those of mr: it belongs to amos-mr" in refused("amos-ct", path, "amos_0500")


def test_organs_that_no_voxel_has_are_absent(copy, look):
    case = look("amos-ct", copy("amos-ct"), "amos_0001")
    assert case.absent == ("urinary_bladder", "prostate_or_uterus")


def test_a_scan_that_amos_lists_and_the_disk_does_not_hold_is_named(copy):
    path = copy("amos-ct")
    for kind in ("images", "labels"):
        (path / f"{kind}Tr" / "amos_0004.nii.gz").unlink()
    (path / "labelsVa" / "amos_0008.nii.gz").unlink()
    excluded = {e.name: e.reason for e in DATASETS["amos-ct"].listing(path).excluded}
    assert excluded == {
        "amos-ct/amos_0008": "has no labels.",
        "amos-ct/amos_0004": "is named by the dataset's own list, and its files are missing.",
    }


@pytest.mark.parametrize("content", [None, "{", '{"training": [3]}'])
def test_amos_without_a_usable_json_is_taken_as_it_lies(copy, content):
    path = copy("amos-ct")
    (path / "dataset.json").unlink()
    if content:
        (path / "dataset.json").write_text(content)
    found = DATASETS["amos-ct"].listing(path)
    assert len(found.cases) == 4
    assert [e.name for e in found.excluded] == ["amos-ct/dataset.json"]


# --- CHAOS ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["CT_1", "CT_2"])
def test_label_pictures_find_their_slices_forwards_and_backwards(copy, look, case):
    found = look("chaos-ct", copy("chaos-ct"), case)
    # File numbers run from the head to the feet, positions the other way; in CT_2 the pictures, too.
    assert np.array_equal(found.label_map.voxels, chaos_ct_labels())
    assert bool(found.notes) == (case == "CT_2")
    assert found.image.spacing_mm == pytest.approx((5.0, 0.8, 0.7))


def test_label_pictures_whose_order_cannot_be_told_exclude_the_case(copy, refused):
    path = copy("chaos-ct")
    pictures = sorted(next(path.rglob("CT/1/Ground")).glob("*.png"))
    for earlier, later in zip(pictures[:5], pictures[:4:-1], strict=True):
        earlier.write_bytes(later.read_bytes())  # the same from both ends
    assert "the order of its label pictures cannot be determined" in refused("chaos-ct", path, "CT_1")


def test_a_missing_label_picture_excludes_the_case(copy, refused):
    path = copy("chaos-ct")
    next(path.rglob("CT/1/Ground/*_004.png")).unlink()
    assert "10 slices and 9 label pictures" in refused("chaos-ct", path, "CT_1")


def test_grey_values_of_mr_are_structures_and_three_images_are_one_patient(copy, look):
    path = copy("chaos-mr")
    expected = chaos_mr_grey()
    for image in ("T1DUAL_InPhase", "T1DUAL_OutPhase", "T2SPIR"):
        case = look("chaos-mr", path, f"MR_1_{image}")
        for target, grey in zip(case.targets, (63, 126, 189, 252), strict=True):
            assert np.array_equal(case.reference(target).voxels, expected == grey)
        assert case.patient == "chaos-mr/MR_1"
        assert case.image.modality == "mr"


def test_a_grey_value_that_stands_for_nothing_excludes_the_case(copy, refused):
    from PIL import Image

    path = copy("chaos-mr")
    picture = next(path.rglob("T2SPIR/Ground/*_005.png"))
    grey = np.array(Image.open(picture))
    grey[0, 0] = 90
    Image.fromarray(grey).save(picture)
    assert "grey values outside all ranges: 90" in refused("chaos-mr", path, "MR_1_T2SPIR")


def test_a_folder_without_pictures_is_named(copy):
    path = copy("chaos-mr")
    for picture in path.rglob("T2SPIR/Ground/*.png"):
        picture.unlink()
    (excluded,) = DATASETS["chaos-mr"].listing(path).excluded
    assert (excluded.name, excluded.reason) == ("chaos-mr/MR_1_T2SPIR", "Ground is missing or empty.")


# --- TotalSegmentator -------------------------------------------------------------------------------


def test_masks_that_overlap_do_not_erase_each_other(copy, look):
    path = copy("totalsegmentator-ct")
    case = look("totalsegmentator-ct", path, "s0001")
    assert {t.structure for t in case.targets} == {"spleen", "liver", "stomach"}
    masks = {}
    for target in case.targets:
        file = path / "s0001" / "segmentations" / f"{target.structure}.nii.gz"
        masks[target.structure] = read_labels(file).voxels > 0
        assert np.array_equal(case.reference(target).voxels > 0, masks[target.structure])
    assert (masks["liver"] & masks["stomach"]).any()


def test_empty_masks_are_absent_and_missing_files_are_told(copy, look):
    path = copy("totalsegmentator-ct")
    (path / "s0000" / "segmentations" / "aorta.nii.gz").unlink()
    case = look("totalsegmentator-ct", path, "s0000")
    assert {"aorta", "pancreas"} <= set(case.absent)
    assert case.notes == ("there is no mask file of aorta.",)


def test_splits_stand_in_the_csv_and_without_it_no_split_is_known(copy):
    path = copy("totalsegmentator-ct")
    cases = DATASETS["totalsegmentator-ct"].listing(path).cases
    assert [case.split for case in cases] == ["training", "validation", "test"]
    (path / "meta.csv").unlink()
    found = DATASETS["totalsegmentator-ct"].listing(path)
    assert [e.name for e in found.excluded] == ["totalsegmentator-ct/meta.csv"]
    assert {case.split for case in found.cases} == {None}
    assert len(found.of_split("test").excluded) == 1 + 3


def test_a_subject_of_the_csv_that_is_not_there_is_named(copy):
    path = copy("totalsegmentator-ct")
    with (path / "meta.csv").open("a", encoding="utf-8") as file:
        file.write("s0864;60;train\n")
    (excluded,) = DATASETS["totalsegmentator-ct"].listing(path).excluded
    assert excluded.name == "totalsegmentator-ct/s0864"


def test_the_mr_dataset_is_not_taken_for_the_ct_dataset(copy):
    with pytest.raises(InputError, match=r"there is no s\*/ct\.nii\*"):
        DATASETS["totalsegmentator-ct"].listing(copy("totalsegmentator-mr"))
