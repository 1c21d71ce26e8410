"""``synthfm3d segment`` and ``evaluate`` with DICOM: masks in both directions, refusals before the work."""

import json

import numpy as np
import pytest
from dicom_objects import a_slice, an_enhanced, saved

from synthfm3d.cli import main
from synthfm3d.cli.evaluate_inputs import CaseOptions, ScanOptions
from synthfm3d.io.read import read, read_labels
from synthfm3d.randomness import stream

SHAPE, CENTRE = (8, 24, 30), np.array([4, 12, 14])


@pytest.fixture
def object_there() -> np.ndarray:
    """Boolean (z, y, x) of an ellipsoid."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    return (((index - CENTRE) / [2.5, 6, 7]) ** 2).sum(axis=-1) <= 1


@pytest.fixture
def values(object_there) -> np.ndarray:
    return (100 + 100 * object_there + stream(0, "dicom").normal(0, 5, SHAPE)).astype(np.uint16)


@pytest.fixture
def series(values, tmp_path):
    slices = [a_slice(plane, 2.0 * n, number=n + 1) for n, plane in enumerate(values)]
    return saved(tmp_path / "series", *slices)


@pytest.fixture
def run(capsys):
    """Segments with a weightless model; returns exit code and stderr."""

    def run(scan, out, *words):
        code = main(["segment", str(scan), "-o", str(out), "--model", "random-walker", *words])
        return code, capsys.readouterr().err

    return run


CLICK = ("--point", "14,12,4")


def test_our_own_segmentation_is_corrected_outlines_an_object_and_is_scored(series, tmp_path, run):
    seg = tmp_path / "seg.dcm"
    assert run(series, seg, *CLICK)[0] == 0
    made = read_labels(seg, on=read(series).grid).voxels
    code, said = run(series, tmp_path / "corrected.nii.gz", "--correct", str(seg), "--negative", "1,1,1")
    assert code == 0, said
    assert (read(tmp_path / "corrected.nii.gz").voxels & made).any()
    code, said = run(series, tmp_path / "outlined.nii.gz", "--mask-prompt", str(seg))
    assert code == 0, said
    (case,) = CaseOptions(ScanOptions(image=series, labels=seg)).cases()()
    assert np.array_equal(case.read().label_map.voxels, made)


def test_interpolated_slices_are_refused_for_a_segmentation_before_the_work(series, tmp_path, run):
    sorted(series.iterdir())[5].unlink()
    code, said = run(series, tmp_path / "seg.dcm", *CLICK, "--allow-gaps")
    assert code == 2
    assert "missing slices: write .nii.gz or .nrrd" in said
    assert "Segmenting" not in said
    assert "interpolate with --allow-gaps" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["series"]
    assert run(series, tmp_path / "mask.nii.gz", *CLICK, "--allow-gaps")[0] == 0


def test_allow_gaps_without_a_gap_writes_a_segmentation(series, tmp_path, run):
    assert run(series, tmp_path / "seg.dcm", *CLICK, "--allow-gaps")[0] == 0


def test_a_film_is_refused_for_a_segmentation_before_the_work(values, tmp_path, run):
    film = saved(tmp_path / "film", *[a_slice(plane, 5.0, number=n) for n, plane in enumerate(values)])
    code, said = run(film, tmp_path / "seg.dcm", *CLICK)
    assert code == 2
    assert "a sequence in time" in said
    assert "Segmenting" not in said


def test_a_time_point_of_an_enhanced_object_is_segmented_on_its_own_frames(
    values, object_there, tmp_path, run
):
    both = np.stack([np.full_like(values, 7), values], axis=1).reshape(-1, *SHAPE[1:])
    contents = [{"TemporalPositionIndex": n % 2 + 1} for n in range(len(both))]
    enhanced = an_enhanced(both, [2.0 * (n // 2) for n in range(len(both))], contents=contents)
    path = saved(tmp_path / "scan", enhanced) / "000.dcm"
    code, said = run(path, tmp_path / "seg.dcm", *CLICK)
    assert code == 2
    assert "--frame 0 to --frame 1" in said
    code, said = run(path, tmp_path / "seg.dcm", *CLICK, "--frame", "1")
    assert code == 0, said
    assert json.loads((tmp_path / "seg.json").read_text())["frame"] == 1
    found = read_labels(tmp_path / "seg.dcm").voxels
    assert abs(int(found.sum()) - int(object_there.sum())) < 0.2 * object_there.sum()
