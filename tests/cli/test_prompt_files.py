"""Prompts from a file: several objects, each on its own slices, and complaints that name the place."""

import json

import nibabel as nib
import numpy as np
import pytest

from synthfm3d.cli import main
from synthfm3d.io.read import read
from synthfm3d.model.random_walker import RandomWalker
from synthfm3d.prompts.prompt import Lasso, Scribble
from synthfm3d.randomness import stream
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.result import label_map

AFFINE = np.array([[-1.0, 0, 0, 20], [0, 1, 0, -30], [0, 0, 1.5, 100], [0, 0, 0, 1]])
SHAPE = (60, 50, 24)  # stored (i, j, k)
CENTRES = {"left": (18, 24, 8), "right": (42, 24, 16)}


def truth(centre):
    index = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    return (((index - np.array(centre)) / [9, 9, 6]) ** 2).sum(axis=-1) <= 1


@pytest.fixture
def scan(tmp_path):
    inside = truth(CENTRES["left"]) | truth(CENTRES["right"])
    values = (100 + 100 * inside + stream(0, "files").normal(0, 8, SHAPE)).astype(np.int16)
    nib.save(nib.Nifti1Image(values, AFFINE), tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


@pytest.fixture
def run(scan, capsys):
    """Runs ``segment`` with a prompts file of the given content; returns exit code, stdout, stderr."""

    def segment(content, *words, output="mask.nii.gz"):
        path = scan.parent / "prompts.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        words = ["--model", "random-walker", "--prompts", str(path), "-o", str(scan.parent / output), *words]
        code = main(["segment", str(scan), *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return segment


def dice(found, expected):
    return 2 * (found & expected).sum() / (found.sum() + expected.sum())


def labels_of(scan, name="mask.nii.gz"):
    return np.asanyarray(nib.load(scan.parent / name).dataobj)


def test_several_objects_become_one_label_map(run, scan):
    left, right = CENTRES.values()
    code, out, _ = run(
        {
            "objects": [
                {"name": "spleen", "points": [{"at": left}, {"at": right, "positive": False}]},
                {"label": 5, "boxes": [{"first": [33, 15, 16], "last": [51, 33, 16]}]},
            ]
        },
        "--json",
    )
    assert code == 0
    labels = labels_of(scan)
    assert set(np.unique(labels)) == {0, 1, 5}
    assert dice(labels == 1, truth(left)) > 0.85
    assert dice(labels == 5, truth(right)) > 0.85
    report = json.loads(out)
    assert [(o["label"], o["name"]) for o in report["objects"]] == [(1, "spleen"), (5, None)]
    assert report["volume_ml"] == pytest.approx(sum(o["volume_ml"] for o in report["objects"]), abs=1e-3)
    assert report["seconds"] > 0


def test_millimetres_mean_the_same_place(run, scan):
    run({"objects": [{"points": [{"at": CENTRES["left"]}]}]})
    by_voxel = labels_of(scan)
    place = (AFFINE @ [*CENTRES["left"], 1])[:3].tolist()
    run({"unit": "mm", "objects": [{"points": [{"at": place}]}]})
    assert np.array_equal(labels_of(scan), by_voxel)


def test_outlines_and_scribbles_come_from_files_beside_the_prompts(run, scan):
    outline, stroke = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    outline[:, :, 8] = truth(CENTRES["left"])[:, :, 8]
    stroke[38:47, 24, 16] = 1
    nib.save(nib.Nifti1Image(outline, AFFINE), scan.parent / "outline.nii.gz")
    nib.save(nib.Nifti1Image(stroke, AFFINE), scan.parent / "stroke.nii.gz")
    objects = [{"masks": ["outline.nii.gz"]}, {"scribbles": [{"file": "stroke.nii.gz"}]}]
    assert run({"objects": objects})[0] == 0
    labels = labels_of(scan)
    assert dice(labels == 1, truth(CENTRES["left"])) > 0.85
    assert dice(labels == 2, truth(CENTRES["right"])) > 0.85


def test_probabilities_lie_on_the_same_grid_and_agree_with_the_mask(run, scan):
    run({"objects": [{"points": [{"at": CENTRES["left"]}]}]}, "--probabilities")
    probability = nib.load(scan.parent / "mask_probability.nii.gz")
    np.testing.assert_allclose(probability.affine, AFFINE, atol=1e-5)
    values = probability.get_fdata()
    assert values.min() >= 0
    assert values.max() <= 1
    assert np.array_equal(values > 0.5, labels_of(scan) == 1)


def test_alternatives_are_masks_of_other_sizes_beside_the_first(run, scan):
    objects = [{"points": [{"at": CENTRES["left"]}]}]
    code, out, _ = run({"objects": objects}, "--alternatives", "--json", "--model", "grow-cut")
    assert code == 0
    (told,) = json.loads(out)["objects"]
    first = labels_of(scan)
    names = [f"mask_alternative_{n}.nii.gz" for n in range(2, 2 + len(told["alternatives"]))]
    assert [one["mask"] for one in told["alternatives"]] == [str(scan.parent / name) for name in names]
    assert sorted(path.name for path in scan.parent.glob("mask_alternative_*")) == names
    for one, name in zip(told["alternatives"], names, strict=True):
        other = labels_of(scan, name)
        assert np.count_nonzero(other) == one["voxels"]
        assert dice(other == 1, first == 1) < 0.9
        assert one["predicted_dice"] is None  # a tool without weights has no judge


def test_the_case_of_the_scan_is_found_by_name(run, scan):
    cases = {"other": {"objects": [{"points": [{"at": [0, 0, 0]}]}]},
             "scan": {"objects": [{"points": [{"at": CENTRES["left"]}]}]}}  # fmt: skip
    assert run({"cases": cases})[0] == 0
    code, _, err = run({"cases": {"other": cases["other"]}})
    assert code == 2
    assert "no prompts for scan.nii.gz" in err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "Invalid JSON"),
        ("[]", "see --prompts-schema"),
        ({}, "give either objects"),
        ({"objects": [], "cases": {}}, "give either objects"),
        ({"objects": [{"points": [{"at": [1, 2]}]}]}, "objects.0.points.0.at"),
        ({"objects": [{"points": [{"at": [1, 2, "x"]}]}]}, "objects.0.points.0.at.2"),
        ({"objects": [{"point": []}]}, "objects.0.point"),
        ({"objects": [{"name": "liver", "points": [{"at": [60, 0, 0]}]}]}, "liver: point: is outside"),
        ({"objects": [{"points": [{"at": [1, 1, 1], "positive": False}]}]}, "nothing says where"),
        ({"objects": [{"masks": ["none.nii.gz"]}]}, "none.nii.gz: there is no such file"),
        ({"objects": [{"label": 2, "points": [{"at": [1, 1, 1]}]}] * 2}, "label 2"),
        ({"objects": [{"label": 0, "points": [{"at": [1, 1, 1]}]}]}, "label 0"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_in_one_line(run, scan, content, told):
    code, out, err = run(content)
    assert code == 2, err
    assert out == ""
    assert err.count("\n") == 1
    assert "prompts.json" in err
    assert told in err
    assert not (scan.parent / "mask.nii.gz").exists()


def test_prompts_come_from_a_file_or_from_options(run):
    code, _, err = run({"objects": [{"points": [{"at": [1, 1, 1]}]}]}, "--point", "1,1,1")
    assert code == 2
    assert "either in a file or as options" in err


def test_the_published_schema_accepts_what_is_read_and_nothing_else(capsys):
    assert main(["segment", "--prompts-schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"unit", "objects", "cases"}
    assert set(schema["$defs"]["FileObject"]["properties"]) == {
        "name", "label", "points", "boxes", "masks", "scribbles", "lassos",
    }  # fmt: skip
    assert schema["$defs"]["FilePoint"]["required"] == ["at"]


def test_a_negative_click_corrects_an_earlier_mask(scan, capsys):
    both = np.zeros(SHAPE, np.uint8)
    both[truth(CENTRES["left"]) | truth(CENTRES["right"])] = 1
    nib.save(nib.Nifti1Image(both, AFFINE), scan.parent / "before.nii.gz")
    click = ",".join(str(v) for v in CENTRES["left"])
    mask, before = str(scan.parent / "mask.nii.gz"), str(scan.parent / "before.nii.gz")
    words = ["segment", str(scan), "-o", mask, "--model", "random-walker", "--correct", before]
    assert main([*words, "--negative", click]) == 0, capsys.readouterr().err
    assert labels_of(scan)[CENTRES["left"]] == 0
    assert json.loads((scan.parent / "mask.json").read_text())["correct"] == before


def test_a_report_is_a_prompts_file_from_which_the_same_mask_is_made(scan, capsys):
    left, right = CENTRES.values()
    outline = np.zeros(SHAPE, np.uint8)
    outline[:, :, left[2]] = truth(left)[:, :, left[2]]
    nib.save(nib.Nifti1Image(outline, AFFINE), scan.parent / "outline.nii.gz")
    words = ["segment", str(scan), "--model", "random-walker", "-q"]
    first = [
        "--mask-prompt", str(scan.parent / "outline.nii.gz"), "--negative", ",".join(map(str, right)),
        "--box", "3,15,8,21,33,8", "-o", str(scan.parent / "first.nii.gz"),
    ]  # fmt: skip
    assert main([*words, *first]) == 0, capsys.readouterr().err
    (scan.parent / "elsewhere").mkdir()
    again = ["--prompts", str(scan.parent / "first.json"), "-o", str(scan.parent / "elsewhere/again.nii.gz")]
    assert main([*words, *again]) == 0, capsys.readouterr().err
    assert np.array_equal(labels_of(scan, "elsewhere/again.nii.gz"), labels_of(scan, "first.nii.gz"))
    third = ["--prompts", str(scan.parent / "elsewhere/again.json"), "-o", str(scan.parent / "third.nii.gz")]
    assert main([*words, *third]) == 0, capsys.readouterr().err


def test_the_report_of_a_correction_cannot_stand_for_its_prompts(run, scan):
    prompts = {"unit": "voxel", "objects": [{"points": [{"at": [1, 1, 1]}]}]}
    code, _, err = run({"synthfm3d": "0.1.0", "prompts": prompts, "correct": "before.nii.gz"})
    assert code == 2
    assert "corrected an earlier mask" in err


def test_masks_carry_names_and_colours_and_tables_for_viewers(run, scan):
    left, right = CENTRES.values()
    content = {
        "objects": [
            {"name": "left ball", "points": [{"at": left}]},
            {"label": 5, "points": [{"at": right}]},
        ]
    }
    code, out, err = run(content, "--label-tables", output="mask.nii.gz")
    assert code == 0, err
    (extension,) = nib.load(scan.parent / "mask.nii.gz").header.extensions
    assert b">left ball</Label>" in extension.get_content()
    report = json.loads((scan.parent / "mask.json").read_text())
    colours = {one["label"]: one["colour"] for one in report["objects"]}
    red, green, blue = bytes.fromhex(colours[1][1:])
    assert f"1 left_ball {red} {green} {blue} 255\n" in (scan.parent / "mask.ctbl").read_text()
    assert '"object 5"' in (scan.parent / "mask_itksnap.txt").read_text()
    assert "  1 left ball: " in out


# ---------------------------------------------------------------- scribbles and lassos


def test_a_line_and_a_lasso_mean_the_same_in_a_file_as_in_python(run, scan):
    volume = read(scan)

    def mm(*places):
        return tuple(tuple(volume.grid.to_mm(np.array(place[::-1], float)).tolist()) for place in places)

    line, corners = [(12, 24, 8), (24, 24, 8)], [(30, 12, 16), (54, 12, 16), (54, 36, 16), (30, 36, 16)]
    objects = [{"scribbles": [{"line": line}]}, {"lassos": [{"corners": corners}]}]
    assert run({"objects": objects})[0] == 0
    segmenter = Segmenter(RandomWalker())
    by_line = segmenter.segment_with_details(volume, [Scribble(positions_mm=mm(*line))])
    by_lasso = segmenter.segment_with_details(volume, [Lasso(positions_mm=mm(*corners))])
    expected = label_map(volume, {1: by_line, 2: by_lasso})
    assert np.array_equal(read(scan.parent / "mask.nii.gz").voxels, expected.voxels)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"scribbles": [{}]}, "either the file of a scribble, or its line"),
        (
            {"scribbles": [{"file": "a.nii", "line": [[1, 1, 1]]}]},
            "either the file of a scribble, or its line",
        ),
        ({"lassos": [{"corners": [[1, 1, 1], [5, 5, 1]]}]}, "three corners"),
        ({"lassos": [{"corners": [[1, 1, 1], [5, 5, 1], [5, 9, 7]]}]}, "one slice"),
        ({"scribbles": [{"line": [[1, 1, 99]]}]}, "outside the scan"),
    ],
)
def test_a_scribble_or_lasso_that_cannot_be_used_is_named(run, entry, message):
    code, _, err = run({"objects": [{"points": [{"at": [18, 24, 8]}], **entry}]})
    assert code == 2
    assert message in err


def test_the_mask_is_written_in_the_format_of_its_name(run, scan):
    content = {"objects": [{"points": [{"at": CENTRES["left"]}]}]}
    run(content)
    expected = read(scan.parent / "mask.nii.gz")
    for name in ("mask.nrrd", "mask.mha"):
        assert run(content, output=name)[0] == 0
        found = read(scan.parent / name)
        assert np.array_equal(found.voxels, expected.voxels)
        assert found.grid.same_as(expected.grid, tolerance_mm=1e-3)
    code, _, err = run(content, output="mask.dcm")
    assert code == 2
    assert "needs a DICOM scan" in err


def test_the_examples_in_the_documentation_are_valid(tmp_path):
    import re
    from pathlib import Path

    from synthfm3d.cli.prompt_files import read_prompt_file

    text = (Path(__file__).parents[2] / "docs" / "reference" / "prompts.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```json\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        (tmp_path / "prompts.json").write_text(example)
        read_prompt_file(tmp_path / "prompts.json")
