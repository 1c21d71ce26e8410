"""Layers of napari become scans at their place in the world; no napari is needed for that."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from synthfm3d.app.napari.layers import MODALITY_KEY, read_layers, reader_of, scan_of_layer, world_affine
from synthfm3d.errors import InputError
from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.reading import example
from synthfm3d.randomness import stream
from synthfm3d.volume import Grid

SHAPE = (4, 5, 6)


@dataclass
class Layer:
    """An image layer whose world place is an affine, as napari's is."""

    data: Any
    affine: Any
    name: str = "scan"
    rgb: bool = False
    multiscale: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def ndim(self):
        return self.affine.shape[0] - 1

    def data_to_world(self, position):
        return tuple(self.affine[:-1, :-1] @ np.array(position, float) + self.affine[:-1, -1])


def voxels(*shape):
    return stream(0, "layers").normal(size=shape).astype(np.float32)


def test_a_layer_with_a_scale_alone_is_an_axial_scan_of_this_spacing():
    scan = scan_of_layer(Layer(voxels(*SHAPE), np.diag([3.0, 0.5, 0.7, 1])))
    assert scan.grid.same_as(Grid.from_spacing(SHAPE, (3.0, 0.5, 0.7)))


def test_a_scan_keeps_its_place_through_a_layer():
    turn = np.deg2rad(20)
    affine = Grid.from_spacing(SHAPE, (3.0, 0.5, 0.7)).affine.copy()
    affine[:3, :3] = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]] @ affine[
        :3, :3
    ]
    affine[:3, 3] = (12, -30, 41)
    grid = Grid(SHAPE, affine)
    assert scan_of_layer(Layer(voxels(*SHAPE), world_affine(grid))).grid.same_as(grid)


def test_of_four_axes_the_first_is_fixed_where_the_viewer_stands():
    data = voxels(2, *SHAPE)
    scan = scan_of_layer(Layer(data, np.diag([1.0, 3, 2, 1, 1])), step=(1, 0, 0, 0))
    assert np.array_equal(scan.voxels, data[1])
    assert scan.spacing_mm == (3, 2, 1)


def test_an_image_of_two_axes_is_one_slice_of_1_mm():
    scan = scan_of_layer(Layer(voxels(5, 6), np.diag([0.5, 0.7, 1])))
    assert scan.voxels.shape == (1, 5, 6)
    assert scan.spacing_mm == pytest.approx((1, 0.5, 0.7))


def test_the_finest_level_of_a_pyramid_is_taken():
    data = voxels(*SHAPE)
    layer = Layer([data, data[:, ::2, ::2]], np.eye(4), multiscale=True)
    assert np.array_equal(scan_of_layer(layer).voxels, data)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Layer(np.zeros((4, 5, 6, 3), np.uint8), np.eye(4), rgb=True), "colour"),
        (Layer(np.zeros(SHAPE), np.eye(4)), "same value"),
        (Layer(voxels(*SHAPE), np.diag([1.0, 1, 0, 1])), "singular"),
    ],
)
def test_a_layer_that_is_no_scan_is_refused(layer, said):
    with pytest.raises(InputError, match=said):
        scan_of_layer(layer)


def test_a_file_that_was_opened_as_a_layer_is_the_same_scan(tmp_path):
    scan = example()
    write_nifti(tmp_path / "head.nii.gz", scan)
    [(data, settings, kind)] = reader_of(str(tmp_path / "head.nii.gz"))(str(tmp_path / "head.nii.gz"))
    assert (kind, settings["name"]) == ("image", "head")
    layer = Layer(data, settings["affine"], metadata={MODALITY_KEY: "mr"})
    again = scan_of_layer(layer)
    assert again.grid.same_as(scan.grid)
    assert np.array_equal(again.voxels, scan.voxels)
    assert again.modality == "mr"


def test_what_is_no_scan_is_left_to_other_readers(tmp_path):
    (tmp_path / "notes.nii").write_text("no scan")
    assert reader_of(str(tmp_path / "notes.nii")) is None
    assert reader_of([str(tmp_path)]) is None
    with pytest.raises(InputError):
        read_layers(str(tmp_path / "notes.nii"))
