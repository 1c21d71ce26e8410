"""Cases: which structures of a label map are scored."""

from dataclasses import replace

import numpy as np
import pytest

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Target, choose_targets, make_case
from synthfm3d.volume import Grid, Volume

NAMES = {1: "egg", 2: "ball", 3: "ghost"}


def test_a_structure_is_chosen_by_name_or_by_value(label_map: Volume) -> None:
    by_name = choose_targets(label_map, NAMES, ["ball", "egg"], label_source="automatic")
    by_value = choose_targets(label_map, NAMES, ["2", "1"], label_source="automatic")
    assert by_name == by_value
    assert [(t.structure, t.labels, t.label_source) for t in by_name] == [
        ("ball", (2,), "automatic"),
        ("egg", (1,), "automatic"),
    ]


def test_all_structures_of_the_label_map_are_taken_by_default(label_map: Volume) -> None:
    chosen = choose_targets(label_map, NAMES)
    assert [target.structure for target in chosen] == ["egg", "ball"]
    assert {target.label_source for target in chosen} == {"unknown"}


def test_values_without_a_name_are_called_by_their_value(label_map: Volume) -> None:
    assert [target.structure for target in choose_targets(label_map, {})] == ["label_1", "label_2"]


def test_values_that_share_a_name_are_one_structure(label_map: Volume) -> None:
    (target,) = choose_targets(label_map, {1: "kidney", 2: "kidney"})
    assert target.labels == (1, 2)


def test_an_unknown_structure_is_an_error_that_lists_the_known_ones(label_map: Volume) -> None:
    with pytest.raises(InputError, match=r"labels\.nii: .*'spleen'.*egg \(1\), ball \(2\), ghost \(3\)"):
        choose_targets(label_map, NAMES, ["spleen"], where="labels.nii")


def test_a_label_map_of_zeros_is_an_error(scan: Volume) -> None:
    with pytest.raises(InputError, match="holds no label"):
        choose_targets(scan.with_voxels(np.zeros(scan.voxels.shape, int)), NAMES)


def test_a_structure_without_voxels_is_listed_as_absent(scan: Volume, label_map: Volume) -> None:
    case = make_case("phantom", scan, label_map, choose_targets(label_map, NAMES, ["egg", "ghost"]))
    assert [target.structure for target in case.targets] == ["egg"]
    assert case.absent == ("ghost",)


def test_an_image_and_labels_on_different_grids_are_an_error(scan: Volume) -> None:
    grid = Grid.from_spacing((24, 60, 70), (3.0, 1.0, 1.1))
    labels = Volume(voxels=np.ones(grid.shape, np.uint8), affine=grid.affine)
    with pytest.raises(InputError, match=r"phantom: .*70 × 60 × 24 voxels of 1 × 1 × 3 mm.*different grids"):
        make_case("phantom", scan, labels, [Target(structure="egg", labels=(1,))])


def test_a_cine_sequence_is_an_error(scan: Volume, label_map: Volume) -> None:
    cine = Volume(voxels=scan.voxels, affine=scan.affine, third_axis="time")
    with pytest.raises(InputError, match="cine"):
        make_case("cine", cine, label_map, [])


def test_the_patient_of_a_case_is_its_name_if_nobody_says_more(scan: Volume, label_map: Volume) -> None:
    targets = choose_targets(label_map, NAMES)
    assert make_case("phantom", scan, label_map, targets).patient == "phantom"
    assert make_case("phantom", scan, label_map, targets, patient="nobody").patient == "nobody"


def test_a_sequence_is_a_case_only_where_that_is_meant(scan: Volume, label_map: Volume) -> None:
    frames = replace(scan, third_axis="time")
    targets = choose_targets(label_map, NAMES)
    with pytest.raises(InputError, match="phantom: is a cine sequence: take one frame of it"):
        make_case("phantom", frames, label_map, targets)
    # What the files say of the distance between frames is no geometry, and need not be the same.
    affine = label_map.affine.copy()
    affine[:, 0] *= 7
    case = make_case(
        "phantom",
        frames,
        replace(label_map, affine=affine),
        targets,
        cine=True,
        key_frames={"ED": 0, "ES": 9},
    )
    assert case.label_map.third_axis == case.reference(case.targets[0]).third_axis == "time"
    assert case.key_frames == {"ED": 0, "ES": 9}
    affine[:3, 1] *= 2
    with pytest.raises(InputError, match="different grids"):
        make_case("phantom", frames, replace(label_map, affine=affine), targets, cine=True)
