"""What the panel of napari does with a scan, without napari."""

import json
import subprocess
import sys

import numpy as np
import pytest

from synthfm3d.app.napari.workbench import Workbench, rows_added_and_removed
from synthfm3d.errors import InputError
from synthfm3d.io.nifti import read_labels
from synthfm3d.metrics.overlap import dice
from synthfm3d.segmentation.session import Session


@pytest.fixture
def bench(phantom, segmenter):
    return Workbench(session=Session(segmenter, phantom.scan))


LEFT, RIGHT, BETWEEN = np.array([10.0, 20, 11]), np.array([10.0, 20, 33]), np.array([10.0, 20, 22])


def test_a_click_in_voxels_finds_the_ball_that_it_hits(bench, phantom):
    bench.click(LEFT, positive=True)
    assert dice(bench.session.label_map().voxels > 0, phantom.balls[0]) > 0.8


def test_the_layers_get_back_the_places_that_were_clicked(bench):
    bench.click(LEFT, positive=True)
    bench.click(BETWEEN, positive=False)
    places, positive = bench.clicks
    assert places == pytest.approx(np.array([LEFT, BETWEEN]))
    assert positive.tolist() == [True, False]


def test_a_drawn_rectangle_is_a_box_of_the_voxels_that_its_corners_lie_in(bench):
    bench.draw_box(np.array([[10, 11.7, 3.2], [10, 11.7, 19.4], [10, 28.4, 19.4], [10, 28.4, 3.2]]))
    assert bench.boxes.tolist() == [[[10, 12, 3], [10, 28, 19]]]


def test_the_next_object_leaves_the_finished_one_alone(bench):
    bench.click(LEFT, positive=True)
    first = bench.session.label_map().voxels == 1
    bench.next_object()
    bench.click(RIGHT, positive=True)
    labels = bench.session.label_map().voxels
    assert np.array_equal(labels == 1, first)
    assert labels[10, 20, 33] == 2


def test_a_click_that_is_removed_takes_its_effect_with_it(bench):
    bench.click(LEFT, positive=True)
    before = bench.session.label_map().voxels
    bench.click(LEFT + [0, 6, 0], positive=False)
    bench.remove_click(1)
    assert np.array_equal(bench.session.label_map().voxels, before)


def test_a_box_is_counted_apart_from_clicks(bench):
    bench.click(LEFT, positive=True)
    bench.draw_box(np.array([[10, 12, 3], [10, 28, 19]]))
    bench.remove_box(0)
    assert len(bench.boxes) == 0
    assert len(bench.clicks[0]) == 1


def test_smaller_and_larger_walk_through_the_answers_by_size(bench):
    bench.click(LEFT, positive=True)
    smaller, larger = bench.sizes
    bench.resize(-smaller)
    assert bench.sizes == (0, smaller + larger)
    areas = []
    for _ in range(smaller + larger + 1):
        view = bench.session.segmentations[1]
        areas.append(view.alternatives[view.chosen].diameter_mm)
        bench.resize(1)
    assert areas == sorted(areas)
    assert len(set(areas)) == smaller + larger + 1


def test_nothing_is_larger_than_an_object_that_has_not_begun(bench):
    assert bench.sizes == (0, 0)
    bench.resize(1)
    assert not bench.session.can_undo


def test_masks_are_saved_by_object_under_its_name(bench, tmp_path):
    bench.click(LEFT, positive=True)
    bench.names[1] = "left ball / 1"
    bench.next_object()
    bench.click(RIGHT, positive=True)
    paths = bench.save(tmp_path, "scan")
    names = ["scan_left_ball_1.nii.gz", "scan_object_2.nii.gz", "scan_labels.nii.gz"]
    assert [path.name for path in paths] == names
    labels = bench.session.label_map().voxels
    assert np.array_equal(read_labels(paths[2]).voxels, labels)
    assert read_labels(paths[1]).voxels.sum() == (labels == 2).sum()


def test_two_masks_of_one_name_are_refused_before_one_is_written(bench, tmp_path):
    bench.click(LEFT, positive=True)
    bench.next_object()
    bench.click(RIGHT, positive=True)
    bench.names = {1: "ball", 2: "ball"}
    with pytest.raises(InputError, match="other names"):
        bench.save(tmp_path, "scan")
    assert not list(tmp_path.iterdir())


def test_without_an_object_there_is_nothing_to_save(bench, tmp_path):
    with pytest.raises(InputError, match="no mask"):
        bench.save(tmp_path, "scan")


def test_a_point_that_was_moved_is_one_removed_and_one_added():
    before = np.array([[1.0, 2, 3], [4, 5, 6]])
    after = np.array([[1.0, 2, 3], [4, 5, 7]])
    assert rows_added_and_removed(before, after) == ([1], [1])


def test_the_logic_of_the_plugin_imports_neither_napari_nor_qt():
    program = (
        "import json, sys, synthfm3d.app.napari.layers, synthfm3d.app.napari.workbench;"
        "print(json.dumps([m for m in sys.modules if m.partition('.')[0] in ('napari', 'qtpy', 'PyQt6')]))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == []
