"""What holds for every dataset of the registry."""

import pickle
from dataclasses import replace

import pytest
from miniatures import BUILDERS

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import SPLITS
from synthfm3d.evaluation.datasets.registry import DATASETS, dataset_named
from synthfm3d.io.read import ReadOptions, read_labels
from synthfm3d.io.write import write


def read_all(name, path):
    cases = []
    for pending in DATASETS[name].listing(path).cases:
        try:
            cases.append((pending, pending.read()))
        except InputError:
            assert pending.name == "amos-ct/amos_0500"  # an MR, see test_amos
    return cases


def test_every_dataset_has_a_miniature_and_says_what_a_user_needs_to_know():
    assert set(BUILDERS) == set(DATASETS)
    for dataset in DATASETS.values():
        assert dataset.page
        assert dataset.licence
        assert dataset.registration
        assert dataset.handled
        assert len(dataset.tree) > 1
        assert set(dataset.cases) <= {*SPLITS, ""}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_miniature_is_read_through_the_real_readers(name, copy):
    path = copy(name)
    found = read_all(name, path)
    assert found
    for pending, case in found:
        assert case.name == pending.name
        assert case.name.startswith(f"{name}/")
        assert case.patient == pending.patient
        assert case.patient.startswith(f"{name}/")
        assert case.image.modality == DATASETS[name].modality or name == "nnunet"
        assert case.label_map.grid.same_as(case.image.grid)
        assert case.targets
        assert {t.structure for t in case.targets} | set(case.absent) == {
            t.structure for t in pending.targets
        }
        for target in case.targets:
            inside = case.reference(target).voxels > 0
            assert inside.any()
            # The phantom's structures are brighter than what surrounds them: image and labels fit.
            assert case.image.voxels[inside].mean() > case.image.voxels[case.label_map.voxels == 0].mean()


@pytest.mark.parametrize("name", BUILDERS)
def test_a_case_can_be_sent_to_another_process(name, copy):
    cases = DATASETS[name].listing(copy(name)).pending()
    assert [case.name for case in pickle.loads(pickle.dumps(cases))] == [case.name for case in cases]


@pytest.mark.parametrize("name", BUILDERS)
def test_the_order_of_cases_does_not_depend_on_the_disk(name, copy):
    path = copy(name)
    names = [case.name for case in DATASETS[name].listing(path).cases]
    assert names == [case.name for case in DATASETS[name].listing(path).cases]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_folder_of_something_else_is_refused_with_the_expected_tree(name, tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputError, match="name the folder"):
        DATASETS[name].listing(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        DATASETS[name].listing(tmp_path / "missing")


def test_an_unknown_dataset_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="known are camus, camus-stills, amos-ct"):
        dataset_named("kits")


def test_the_same_structure_has_the_same_name_everywhere():
    spleen = {name for name, d in DATASETS.items() if "spleen" in d.labels.structures}
    assert spleen >= {"amos-ct", "amos-mr", "chaos-mr", "totalsegmentator-ct", "btcv", "flare22"}
    # BTCV and AMOS number the pancreas differently; only names may be compared.
    assert DATASETS["btcv"].labels.structures["pancreas"] == (11,)
    assert DATASETS["amos-ct"].labels.structures["pancreas"] == (10,)


LABEL_FILES = {
    "btcv": ("**/label0001.nii.gz", "0001"),
    "amos-ct": ("labelsTr/amos_0001.nii.gz", "amos_0001"),
    "acdc": ("**/patient001_frame01_gt.nii.gz", "patient001_ED"),
    "cetus": ("**/patient01_ED_gt.nii.gz", "patient01_ED"),
    "camus": ("**/patient0001_2CH_half_sequence_gt.nii.gz", "patient0001_2CH_half_sequence"),
    "totalsegmentator-ct": ("s0000/segmentations/spleen.nii.gz", "s0000"),
    "nnunet": ("labelsTr/heart_001.nii.gz", "heart_001"),
    "folder": ("labels/a.nii.gz", "a"),
}
"""A label file of a dataset, and the case that it belongs to."""


def label_volume(name, path):
    """The file, and what is in it."""
    (file,) = path.glob(LABEL_FILES[name][0])
    return file, read_labels(file, ReadOptions(cine=name == "camus"))


@pytest.mark.parametrize("name", [n for n in LABEL_FILES if n != "totalsegmentator-ct"])
def test_an_undefined_label_value_excludes_the_case_by_value_and_count(name, copy, refused):
    path = copy(name)
    file, labels = label_volume(name, path)
    voxels = labels.voxels.copy()
    voxels[0, 0, :4] = 77
    write(replace(labels, voxels=voxels, third_axis="space"), file)
    said = refused(name, path, LABEL_FILES[name][1])
    assert "does not define: 77 (4 voxels)" in said
    assert str(path) not in said


@pytest.mark.parametrize("name", LABEL_FILES)
def test_labels_on_another_grid_exclude_the_case(name, copy, refused):
    path = copy(name)
    file, labels = label_volume(name, path)
    affine = labels.affine.copy()
    affine[:3, 3] += 20
    write(replace(labels, affine=affine, third_axis="space"), file)
    said = refused(name, path, LABEL_FILES[name][1])
    assert "resample the labels onto the" in said
    assert str(path) not in said


@pytest.mark.parametrize("name", LABEL_FILES)
def test_a_damaged_file_excludes_the_case(name, copy, refused):
    path = copy(name)
    file, _ = label_volume(name, path)
    file.write_bytes(file.read_bytes()[:-20])
    assert "truncated" in refused(name, path, LABEL_FILES[name][1])
