"""Masks of other tools, and the prompts that are written for them."""

import json
from pathlib import Path

import numpy as np
import pytest

from synthfm3d.cli.prompt_files import prompted_objects, read_prompt_file
from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, PendingCase
from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox
from synthfm3d.evaluation.methods.predictions import FolderOfMasks
from synthfm3d.evaluation.prompt_export import export_prompts
from synthfm3d.evaluation.protocol import PROMPT_NAMES, Protocol
from synthfm3d.evaluation.scoring.evaluate import evaluate_case, prompted_targets
from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.read import read
from synthfm3d.prompts.prompt import Mask
from synthfm3d.volume import Volume

EVERYTHING = Protocol(prompts=PROMPT_NAMES, prompt_seeds=2)


def pending(case: Case) -> PendingCase:
    return PendingCase(name=case.name, targets=case.targets, read=lambda: case)


def write(path: Path, case: Case, label: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(path, case.label_map.with_voxels((case.label_map.voxels == label).astype(np.uint8)))


def test_masks_are_found_by_case_structure_prompt_and_draw(case: Case, tmp_path: Path) -> None:
    write(tmp_path / "phantom" / "egg" / "box.nii.gz", case, 1)
    write(tmp_path / "phantom" / "egg" / "3-points-0.nii.gz", case, 1)
    write(tmp_path / "phantom" / "egg" / "3-points-1.nii.gz", case, 2)  # another organ: 0
    scores = [outcome.score for outcome in evaluate_case(case, [FolderOfMasks("tool", tmp_path)], EVERYTHING)]
    found = {(score.structure, score.prompt, score.draw): score for score in scores}
    # Prompts that the tool never answered are not asked; those that it answered for the egg are.
    assert {prompt for _, prompt, _ in found} == {"box", "3-points"}
    assert found["egg", "box", 0].dice == 1.0
    assert found["egg", "3-points", 0].dice == 1.0
    assert found["egg", "3-points", 1].dice == 0.0
    assert found["egg", "box", 0].seconds is None
    missing = found["ball", "box", 0]
    assert missing.dice == 0.0
    assert missing.error is not None
    assert "phantom/ball/box.nii.gz" in missing.error


def test_a_label_map_answers_no_question_about_one_object(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "phantom" / "egg.nii.gz"
    path.parent.mkdir()
    write_nifti(path, case.label_map)
    tool = FolderOfMasks("tool", tmp_path)
    scores = [outcome.score for outcome in evaluate_case(case, [tool], EVERYTHING)]
    assert all("one is needed" in score.error for score in scores if score.structure == "egg")


def test_a_tool_without_prompts_answers_all_of_them(case: Case, tmp_path: Path) -> None:
    for label, structure in ((1, "egg"), (2, "ball")):
        write(tmp_path / "phantom" / f"{structure}.nii.gz", case, label)
    scores = [outcome.score for outcome in evaluate_case(case, [FolderOfMasks("tool", tmp_path)], EVERYTHING)]
    assert {score.prompt for score in scores} == set(PROMPT_NAMES)
    assert {score.dice for score in scores} == {1.0}


def test_masks_are_cut_as_the_scan_is(case: Case, tmp_path: Path) -> None:
    write(tmp_path / "phantom" / "egg.nii.gz", case, 1)
    write(tmp_path / "phantom" / "ball.nii.gz", case, 2)
    protocol = Protocol(prompts=("box",), direction="forward")
    outcomes = list(evaluate_case(case, [FolderOfMasks("tool", tmp_path)], protocol))
    assert [outcome.score.dice for outcome in outcomes] == [1.0, 1.0]


def test_a_mask_on_another_grid_is_an_error_of_its_row(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "phantom" / "egg.nii.gz"
    path.parent.mkdir()
    shorter = (case.label_map.voxels[:-1] == 1).astype(np.uint8)
    write_nifti(path, Volume(voxels=shorter, affine=case.label_map.affine))
    score = next(evaluate_case(case, [FolderOfMasks("tool", tmp_path)], Protocol(prompts=("box",)))).score
    assert score.dice == 0.0
    assert "does not lie on" in (score.error or "")


def test_a_folder_that_is_missing_or_empty_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        FolderOfMasks("tool", tmp_path / "nowhere")
    with pytest.raises(InputError, match="CASE/STRUCTURE/PROMPT"):
        FolderOfMasks("tool", tmp_path)


def test_another_set_of_masks_is_another_method(case: Case, tmp_path: Path) -> None:
    write(tmp_path / "phantom" / "egg.nii.gz", case, 1)
    before = FolderOfMasks("sam-med3d", tmp_path).facts()
    write(tmp_path / "phantom" / "ball.nii.gz", case, 2)
    after = FolderOfMasks("sam-med3d", tmp_path).facts()
    assert before["masks"] != after["masks"]
    assert "crops 128³ voxels" in after["training data"]


def test_exported_prompts_are_those_that_methods_are_given(case: Case, tmp_path: Path) -> None:
    manifest = export_prompts(tmp_path, [pending(case)], EVERYTHING)
    assert manifest == json.loads((tmp_path / "manifest.json").read_text())
    questions = manifest["questions"]
    assert len(questions) == 2 * (4 + 2 * 3)
    expected = {
        (task.target.structure, prompt, draw): task.prompts(prompt, draw, 0)
        for task in prompted_targets(case, EVERYTHING)
        for prompt in PROMPT_NAMES
        for draw in EVERYTHING.seeds(prompt)
    }
    for question in questions:
        scan = read(tmp_path / question["scan"])
        assert scan.grid.same_as(case.image.grid)
        path = tmp_path / question["prompts"]
        file = read_prompt_file(path)
        (entry,) = prompted_objects(file, file.objects, scan, path)
        given = expected[question["structure"], question["prompt"], question["draw"]]
        for one, other in zip(entry.prompts, given, strict=True):
            if isinstance(one, Mask) and isinstance(other, Mask):
                assert np.array_equal(one.volume.voxels, other.volume.voxels)
            else:
                assert one == other


def test_a_tool_that_answers_the_manifest_is_scored_as_if_it_were_here(case: Case, tmp_path: Path) -> None:
    """The other tool is the ellipsoid: it knows the manifest and the files, nothing else."""
    protocol = Protocol(prompts=("box", "jittered-box"), prompt_seeds=2)
    asked, answered = tmp_path / "asked", tmp_path / "answered"
    for question in export_prompts(asked, [pending(case)], protocol)["questions"]:
        scan, path = read(asked / question["scan"]), asked / question["prompts"]
        file = read_prompt_file(path)
        (entry,) = prompted_objects(file, file.objects, scan, path)
        mask = answered / question["mask"]
        mask.parent.mkdir(parents=True, exist_ok=True)
        write_nifti(mask, EllipsoidFromBox().segment(scan, entry.prompts))
    methods = [FolderOfMasks("tool", answered), EllipsoidFromBox()]
    outcomes = [outcome.score for outcome in evaluate_case(case, methods, protocol)]
    tool, here = outcomes[::2], outcomes[1::2]
    assert len(tool) == 2 * 3
    assert [score.dice for score in tool] == [score.dice for score in here]


def test_the_truth_is_not_exported_beyond_the_prompts(case: Case, tmp_path: Path) -> None:
    export_prompts(tmp_path, [pending(case)], EVERYTHING)
    outlined = [
        int((read(path).voxels != 0).any(axis=(1, 2)).sum())
        for path in (tmp_path / "prompts").rglob("*.nii.gz")
    ]
    assert outlined == [1, 1]  # one slice for each structure
    assert [path.name for path in (tmp_path / "scans").iterdir()] == ["phantom.nii.gz"]


def test_what_cannot_be_exported_is_told(case: Case, tmp_path: Path) -> None:
    def lost() -> Case:
        raise InputError("lost.nii.gz: no such file.")

    broken = PendingCase(name="lost", targets=(), read=lost)
    with pytest.raises(InputError, match=r"nothing to export: lost\.nii\.gz"):
        export_prompts(tmp_path, [broken], EVERYTHING)
    with pytest.raises(InputError, match="forward"):
        export_prompts(tmp_path, [pending(case)], Protocol(direction="forward"))
    manifest = export_prompts(tmp_path, [broken, pending(case)], Protocol())
    assert manifest["unusable"] == [{"case": "lost", "reason": "lost.nii.gz: no such file."}]
