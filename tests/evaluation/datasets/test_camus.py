"""CAMUS: sequences in time, a union for the epicardium, frames of ED and ES that are found."""

import shutil

import numpy as np

from synthfm3d.evaluation.datasets.registry import DATASETS


def structure(case, name):
    (target,) = (t for t in case.targets if t.structure == name)
    return case.reference(target).voxels


def test_a_half_sequence_is_frames_over_time_each_with_its_labels(copy, look):
    case = look("camus", copy("camus"), "patient0001_2CH_half_sequence")
    assert case.image.third_axis == case.label_map.third_axis == "time"
    assert case.image.voxels.shape == (5, 48, 40)
    assert case.image.spacing_mm[1:] == (np.float32(0.15), np.float32(0.3))  # never taken for isotropic
    assert case.key_frames == {"ED": 0, "ES": 4}
    sizes = structure(case, "left_ventricle_cavity").sum(axis=(1, 2))
    assert (np.diff(sizes.astype(int)) < 0).all()  # the phantom's heart contracts


def test_the_epicardium_is_wall_and_cavity_together(copy, look):
    case = look("camus", copy("camus"), "patient0001_4CH_half_sequence")
    assert np.array_equal(
        structure(case, "left_ventricle_epicardium"), np.isin(case.label_map.voxels, (1, 2))
    )
    assert np.array_equal(structure(case, "left_ventricle_cavity"), case.label_map.voxels == 1)
    assert np.array_equal(structure(case, "left_atrium"), case.label_map.voxels == 3)


def test_ed_is_the_frame_that_equals_the_ed_image_whatever_the_cfg_says(copy, look):
    case = look("camus", copy("camus"), "patient0003_2CH_half_sequence")
    assert case.key_frames == {"ED": 4, "ES": 0}
    assert "ED is given as frame 1, but its image equals frame 5; frame 5 is used." in case.notes


def test_without_a_cfg_and_images_the_first_and_last_frame_are_taken_and_told(copy, look):
    path = copy("camus")
    folder = path / "database_nifti" / "patient0001"
    (folder / "Info_2CH.cfg").unlink()
    for file in folder.glob("*_2CH_E[DS].nii.gz"):
        file.unlink()
    case = look("camus", path, "patient0001_2CH_half_sequence")
    assert case.key_frames == {"ED": 0, "ES": 4}
    assert case.notes == (
        "Info_2CH.cfg does not give the frames of ED and ES; the first and the last frame are used.",
    )


def test_an_image_is_a_sequence_of_one_frame(copy, look):
    path = copy("camus-stills")
    for phase in ("ED", "ES"):
        case = look("camus-stills", path, f"patient0002_4CH_{phase}")
        assert case.image.voxels.shape == (1, 48, 40)
        assert case.key_frames == {phase: 0}
    assert {t.label_source for t in case.targets} == {"expert"}


def test_both_views_and_phases_are_one_patient_and_its_split(copy):
    cases = DATASETS["camus-stills"].listing(copy("camus-stills")).cases
    assert len(cases) == 3 * 2 * 2
    assert {(case.patient.removeprefix("camus-stills/"), case.split) for case in cases} == {
        ("patient0001", "training"),
        ("patient0002", "validation"),
        ("patient0003", "test"),
    }


def test_a_missing_split_file_is_named_and_its_patients_belong_to_no_split(copy):
    path = copy("camus")
    (path / "database_split" / "subgroup_testing.txt").unlink()
    found = DATASETS["camus"].listing(path)
    assert [e.name for e in found.excluded] == ["camus/subgroup_testing.txt"]
    assert "is missing" in found.excluded[0].reason
    assert len(found.cases) == 6  # the run goes on
    tested = found.of_split("test")
    assert tested.cases == ()
    assert {e.name for e in tested.excluded} == {
        "camus/subgroup_testing.txt",
        "camus/patient0003_2CH_half_sequence",
        "camus/patient0003_4CH_half_sequence",
    }


def test_a_patient_that_a_split_names_and_the_disk_does_not_hold_is_named(copy):
    path = copy("camus")
    shutil.rmtree(path / "database_nifti" / "patient0002")
    found = DATASETS["camus"].listing(path)
    assert [(e.name, e.split) for e in found.excluded] == [("camus/patient0002", "validation")]


def test_a_sequence_without_labels_is_named(copy):
    path = copy("camus")
    next(path.rglob("patient0001_2CH_half_sequence_gt.nii.gz")).unlink()
    found = DATASETS["camus"].listing(path)
    assert [(e.name, e.reason) for e in found.excluded] == [
        ("camus/patient0001_2CH_half_sequence", "has no labels.")
    ]


def test_the_database_folder_itself_may_be_named_and_plain_nifti_is_read(copy, look):
    import gzip

    path = copy("camus") / "database_nifti"
    for file in path.rglob("patient0001_2CH_*.nii.gz"):
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    case = look("camus", path, "patient0001_2CH_half_sequence")
    assert case.key_frames == {"ED": 0, "ES": 4}
    assert DATASETS["camus"].listing(path).cases[0].split == "training"
