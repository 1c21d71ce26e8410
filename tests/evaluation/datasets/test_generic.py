"""Layouts of nnU-Net and of the Decathlon, and a folder of one's own: names stand in a JSON."""

import json

import numpy as np
import pytest
from miniatures import chaos_ct_labels, decathlon, picture, write_dicom

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.files import structures_of
from synthfm3d.evaluation.datasets.registry import DATASETS
from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.read import read


def test_a_region_of_nnunet_is_a_union_and_the_first_channel_is_the_image(copy, look):
    path = copy("nnunet")
    case = look("nnunet", path, "heart_001")
    whole, cavity = case.targets
    assert (whole.structure, whole.labels, cavity.labels) == ("whole heart", (1, 2), (1,))
    assert case.image.modality == "ct"
    assert case.image.voxels.any()  # the second channel is all zero
    assert DATASETS["nnunet"].listing(path).excluded == ()


def test_a_decathlon_image_of_several_channels_gives_its_first(tmp_path, look):
    path = decathlon(tmp_path)
    case = look("nnunet", path, "prostate_00")
    assert [t.structure for t in case.targets] == ["PZ", "TZ"]
    assert case.image.modality == "mr"
    assert case.image.voxels[case.label_map.voxels > 0].mean() > 0  # the second channel is negative
    assert case.notes == ("of 2 channels the first, T2, is used.",)


def test_the_prostate_of_the_decathlon_is_its_two_zones_together_on_the_first_channel(copy, look):
    case = look("msd-prostate", copy("msd-prostate"), "prostate_00")
    labels = {t.structure: t.labels for t in case.targets}
    assert labels == {"prostate": (1, 2), "peripheral_zone": (1,), "transition_zone": (2,)}
    assert case.image.voxels[case.label_map.voxels > 0].mean() > 0  # the second channel is negative
    assert case.notes == ("of the channels of this image the first, T2, is used.",)


def test_a_task_of_the_decathlon_is_found_in_the_folder_above(copy):
    path = copy("msd-spleen")
    assert len(DATASETS["msd-spleen"].listing(path.parent).cases) == 1
    with pytest.raises(InputError, match="Task02_Heart"):
        DATASETS["msd-heart"].listing(path.parent)


def test_a_name_of_the_decathlon_that_ends_in_four_digits_is_no_channel(copy):
    path = copy("nnunet")
    for folder, old in (("imagesTr", "heart_001_0000"), ("labelsTr", "heart_001")):
        (path / folder / f"{old}.nii.gz").rename(path / folder / "liver_0012.nii.gz")
    (path / "imagesTr" / "heart_001_0001.nii.gz").unlink()
    found = DATASETS["nnunet"].listing(path)
    assert [case.name for case in found.cases] == ["nnunet/heart_002", "nnunet/liver_0012"]
    assert found.excluded == ()


def test_what_the_json_lists_and_the_disk_does_not_hold_is_named(tmp_path):
    path = decathlon(tmp_path)
    content = json.loads((path / "dataset.json").read_text())
    content["training"].append({"image": "./imagesTr/prostate_01.nii.gz", "label": "x"})
    (path / "dataset.json").write_text(json.dumps(content))
    assert [e.name for e in DATASETS["nnunet"].listing(path).excluded] == ["nnunet/prostate_01"]


def test_a_folder_of_ones_own_pairs_by_name_whatever_the_ending(copy, look):
    path = copy("folder")
    assert look("folder", path, "b").absent == ("spleen",)
    (path / "labels" / "a.nii.gz").unlink()
    assert [(e.name, e.reason) for e in DATASETS["folder"].listing(path).excluded] == [
        ("folder/a", "has no labels.")
    ]


def test_an_image_of_ones_own_may_be_a_folder_of_dicom_slices(copy, look):
    path = copy("folder")
    write_dicom(path / "images" / "c", picture(chaos_ct_labels(), "ct") + 1024, "CT")
    scan = read(path / "images" / "c")
    write_nifti(path / "labels" / "c.nii.gz", scan.with_voxels(chaos_ct_labels()))
    assert np.array_equal(look("folder", path, "c").label_map.voxels, chaos_ct_labels())


@pytest.mark.parametrize(
    "labels",
    [
        {"1": "liver", "2": "spleen"},
        {"background": 0, "liver": 1, "spleen": 2},
        {"liver": [1], "spleen": [2]},
    ],
)
def test_names_may_be_written_either_way_round(labels, tmp_path):
    assert structures_of(labels, tmp_path) == {"liver": (1,), "spleen": (2,)}


def test_the_same_name_for_two_values_is_their_union(tmp_path):
    assert structures_of({"1": "kidney", "2": "kidney"}, tmp_path) == {"kidney": (1, 2)}


@pytest.mark.parametrize("labels", [{}, {"0": "background"}, {"liver": "one"}, {"liver": {"value": 1}}])
def test_names_that_name_nothing_are_refused(labels, tmp_path):
    with pytest.raises(InputError, match=r"labels\.json"):
        structures_of(labels, tmp_path / "labels.json")
