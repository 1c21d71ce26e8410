"""``synthfm3d datasets`` and ``evaluate --dataset`` as a user meets them."""

import csv
import json

import pytest
from miniatures import BUILDERS

from synthfm3d.cli import main
from synthfm3d.evaluation.datasets.registry import DATASETS


def test_the_list_names_every_dataset_with_its_page_licence_and_tree(capsys):
    assert main(["datasets"]) == 0
    told = capsys.readouterr().out
    for dataset in DATASETS.values():
        for words in (dataset.title, dataset.page, dataset.licence, dataset.registration, *dataset.tree):
            assert words in told


def test_the_list_as_json_says_the_same_and_what_is_done_about_defects(capsys):
    assert main(["datasets", "--json"]) == 0
    told = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert list(told) == list(DATASETS)
    assert told["camus"]["structures"]["left_ventricle_epicardium"] == [1, 2]
    assert all(entry["handled"] for entry in told.values())


def test_a_complete_copy_is_exit_code_0(tmp_path, capsys):
    path = BUILDERS["nnunet"](tmp_path)
    assert main(["datasets", "check", "nnunet", str(path)]) == 0
    told = capsys.readouterr().out
    assert "2 usable cases of 2 patients (training 2)" in told
    assert "whole heart: in 2 cases" in told


def test_an_incomplete_copy_is_exit_code_1_with_all_that_was_found(tmp_path, capsys):
    path = BUILDERS["acdc"](tmp_path)
    next(path.rglob("patient001_frame12.nii.gz")).unlink()
    assert main(["datasets", "check", "acdc", str(path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["usable"] == {"training": 1, "test": 2}
    assert told["excluded"] == [
        {"name": "acdc/patient001_ES", "reason": "patient001_frame12.nii.gz is missing."}
    ]
    assert told["missing"] == 300 - 4
    assert main(["datasets", "check", "acdc", str(path), "--cases", "1"]) == 1
    assert "2 more cases were not checked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["kits", "."], "there is no such dataset; known are camus"),
        (["camus", "missing"], "no such folder: name the folder of CAMUS"),
        (["camus", "."], "there is no patient*"),
    ],
)
def test_nothing_of_a_dataset_is_exit_code_2_in_one_line(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["datasets", "check", *words]) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1


def test_datasets_are_scored_together_with_their_exclusions_told(tmp_path, capsys):
    btcv, mmwhs = BUILDERS["btcv"](tmp_path / "a"), BUILDERS["mm-whs-mr"](tmp_path / "b")
    next(btcv.rglob("label0021.nii.gz")).unlink()
    command = ["evaluate", "--dataset", f"btcv={btcv}", "--dataset", f"mm-whs-mr={mmwhs}", "--prompt", "box"]
    command += [
        "--structure",
        "liver,left_atrium",
        "--model",
        "random-walker",
        "-o",
        str(tmp_path / "report"),
    ]
    assert main(command) == 0
    told = capsys.readouterr().err
    assert "btcv/0021: has no labels." in told
    assert "mm-whs-mr: 3 voxels have the value 421" in told
    with (tmp_path / "report" / "scores.csv").open() as file:
        rows = {(row["case"], row["structure"], row["label_source"]) for row in csv.DictReader(file)}
    assert rows == {
        ("btcv/0001", "liver", "expert"),
        ("mm-whs-mr/mr_train_1001", "left_atrium", "expert"),
    }


def test_echo_is_scored_from_ed_to_es_on_named_and_on_all_frames(tmp_path):
    camus = BUILDERS["camus"](tmp_path)
    command = ["evaluate", "--dataset", f"camus={camus}", "--split", "test", "--cases", "1", "-q"]
    command += ["--structure", "left_atrium", "--model", "random-walker", "--prompt", "mask"]
    assert main([*command, "-o", str(tmp_path / "report")]) == 0
    scores = json.loads((tmp_path / "report" / "report.json").read_text())["scores"]
    copied = next(score for score in scores if score["method"] == "shrinking mask")
    assert copied["prompt_slice"] == 4  # this patient's sequence ends with ED
    # The outline of one frame, which never reaches the others: all of ED, nothing of the four like it.
    assert copied["frame_dice"] == {"ED": 1.0, "ES": 0.0}
    assert copied["dice"] == pytest.approx(1 / 5)
    assert copied["reference_ml"] is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--dataset", "camus"], "write it as NAME=PATH"),
        (["--dataset", "camus="], "write it as NAME=PATH"),
        (["--dataset", "kits=."], "there is no such dataset"),
        (["--dataset", "btcv={btcv}", "--dataset", "btcv={btcv}"], "is given twice"),
        (["--dataset", "btcv={btcv}", "--split", "test"], "has no usable case in the test split"),
        (["--dataset", "btcv={btcv}", "--structure", "uvula"], "has no structure uvula"),
        (["--dataset", "btcv={btcv}", "--modality", "mr"], "leave out --modality"),
        (["--dataset", "btcv={btcv}", "--image", "x.nii"], "--dataset has its own scans"),
        (
            ["--image", "x.nii", "--labels", "y.nii", "--split", "test"],
            "--split and --cases are for --dataset",
        ),
    ],
)
def test_wrong_words_are_one_line_and_exit_code_2(words, told, tmp_path, capsys):
    btcv = BUILDERS["btcv"](tmp_path)
    filled = [word.format(btcv=btcv) for word in words]
    assert main(["evaluate", *filled, "--model", "random-walker", "-o", str(tmp_path / "report")]) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1
    assert not (tmp_path / "report").exists()
