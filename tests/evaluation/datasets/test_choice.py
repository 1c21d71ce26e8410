"""Which cases are scored, and what a check of a copy finds."""

import shutil

import pytest

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.checking import check
from synthfm3d.evaluation.datasets.registry import DATASETS, chosen_cases, described_by_user
from synthfm3d.evaluation.methods.method import Method, Restarting
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.evaluation.run import run_evaluation


class Nothing(Restarting):
    """A method that finds nothing."""

    name = "nothing"
    accepts = frozenset({"box"})

    def segment(self, scan, prompts):
        return scan.with_voxels((scan.voxels != scan.voxels).astype("uint8"))


def test_a_split_a_limit_and_structures_choose_what_is_scored(copy):
    path = copy("camus-stills")
    cases = chosen_cases(
        DATASETS["camus-stills"], path, split="test", limit=2, structures=["left_atrium", "liver"]
    )
    assert [case.name for case in cases] == [
        "camus-stills/patient0003_2CH_ED",
        "camus-stills/patient0003_2CH_ES",
    ]
    for case in cases:
        assert [t.structure for t in case.targets] == ["left_atrium"]
        assert [t.structure for t in case.read().targets] == ["left_atrium"]


def test_a_structure_that_the_dataset_has_not_is_answered_with_those_it_has(copy):
    with pytest.raises(InputError, match="has no structure liver; it has left_ventricle_cavity"):
        chosen_cases(DATASETS["camus"], copy("camus"), structures=["liver"])


def test_a_split_without_cases_is_an_error_that_says_why(copy):
    path = copy("camus")
    (path / "database_split" / "subgroup_testing.txt").unlink()
    with pytest.raises(InputError, match=r"no usable case in the test split\. camus/subgroup_testing\.txt"):
        chosen_cases(DATASETS["camus"], path, split="test")


def test_what_is_excluded_stands_in_the_report_and_the_run_goes_on(copy):
    path = copy("amos-ct")
    (path / "labelsTr" / "amos_0004.nii.gz").unlink()
    methods: list[Method] = [Nothing()]
    cases = chosen_cases(DATASETS["amos-ct"], path)
    report = run_evaluation(cases, methods, Protocol(prompts=("box",)), with_pictures=False)
    assert {score.case for score in report.scores} == {"amos-ct/amos_0001", "amos-ct/amos_0008"}
    assert [name for name, _ in report.unusable] == ["amos-ct/amos_0500", "amos-ct/amos_0004"]
    assert dict(report.unusable)["amos-ct/amos_0004"] == "has no labels."
    assert ("amos-ct/amos_0001", "urinary_bladder") in report.absent


def test_an_evaluation_without_a_usable_case_is_an_error(copy):
    path = copy("btcv")
    for file in path.rglob("label0*.nii.gz"):
        file.write_bytes(b"")
    with pytest.raises(InputError, match="nothing was scored, 2 cases cannot be used"):
        run_evaluation(chosen_cases(DATASETS["btcv"], path), [Nothing()], with_pictures=False)


def test_only_what_a_dataset_leaves_open_can_be_said_of_it(copy):
    described = described_by_user(DATASETS["folder"], "mr", "expert")
    case = chosen_cases(described, copy("folder"))[0].read()
    assert case.image.modality == "mr"
    assert {t.label_source for t in case.targets} == {"expert"}
    assert described_by_user(DATASETS["camus"], None, None) is DATASETS["camus"]
    with pytest.raises(InputError, match="leave out --modality"):
        described_by_user(DATASETS["camus"], "us", None)


def test_a_check_counts_cases_patients_structures_exclusions_and_repairs(copy):
    path = copy("acdc")
    shutil.rmtree(path / "database" / "training" / "patient001")
    (path / "database" / "training").mkdir(exist_ok=True)
    next(path.rglob("patient101_frame11_gt.nii.gz")).unlink()
    seen = []
    found = check(DATASETS["acdc"], path, on_case=seen.append)
    assert seen == ["acdc/patient101_ED"]
    assert found.usable == {"test": 1}
    assert found.patients == 1
    assert found.structures["left_ventricle_cavity"] == 1
    assert [e.name for e in found.excluded] == ["acdc/patient101_ES"]
    assert list(found.notes.values()) == [1]
    assert found.missing == 300 - 2
    assert not found.complete


def test_a_complete_copy_of_a_dataset_without_published_numbers_is_complete(copy):
    found = check(DATASETS["nnunet"], copy("nnunet"))
    assert (found.complete, found.missing, found.unread) == (True, 0, 0)
    assert check(DATASETS["nnunet"], copy("nnunet"), limit=1).unread == 1
