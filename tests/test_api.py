"""The calls that a notebook needs: ``import synthfm3d as sf``."""

import io
import subprocess
import sys
import warnings

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

import synthfm3d
from synthfm3d.errors import InputError
from synthfm3d.io.reading import example, with_arguments
from synthfm3d.synthesis.settings import SynthesisSettings


def test_every_name_that_the_package_offers_is_there():
    for name in synthfm3d.__all__:
        assert getattr(synthfm3d, name) is not None
    with pytest.raises(AttributeError, match="segmentor"):
        _ = synthfm3d.segmentor


def test_reading_needs_no_torch():
    program = "import sys, synthfm3d; synthfm3d.read; synthfm3d.write; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_a_scan_becomes_a_mask_in_four_calls(tmp_path):
    synthfm3d.write(example(), tmp_path / "scan.nrrd")
    scan = synthfm3d.read(tmp_path / "scan.nrrd")
    segmenter = synthfm3d.Segmenter.from_pretrained("random-walker")
    mask = segmenter.segment(scan, [synthfm3d.Point(position_mm=(-12.1, 49.0, 44.5))])
    synthfm3d.write(mask, tmp_path / "mask.nrrd")
    assert synthfm3d.read(tmp_path / "mask.nrrd").grid.same_as(scan.grid)


def test_generate_stays_the_function_after_its_module_was_imported():
    program = (
        "import synthfm3d as sf; import synthfm3d.rendering.cpu; from synthfm3d.generate import generate;"
        "assert sf.generate is generate"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    volume = synthfm3d.generate(seed=0, index=1, settings=SynthesisSettings(shape=(4, 32, 32)))
    assert volume.image.shape == (4, 32, 32)
    assert repr(volume).startswith("LabelledVolume(seed 0, index 1: Volume(4 × 32 × 32 voxels")


def test_the_example_is_a_scan_that_needs_no_file():
    assert np.array_equal(synthfm3d.example().voxels, example().voxels)


def test_a_point_takes_its_place_without_a_name_and_its_sign_by_name_only():
    assert synthfm3d.Point((1.0, 2.0, 3.0)) == synthfm3d.Point(position_mm=(1.0, 2.0, 3.0), positive=True)
    with pytest.raises(TypeError):
        synthfm3d.Point((1.0, 2.0, 3.0), False)


def test_a_frame_of_a_4_d_file_is_chosen_by_an_argument_that_the_error_names(tmp_path):
    frames = np.arange(2 * 4 * 5 * 6, dtype=np.int16).reshape(6, 5, 4, 2)
    nib.save(nib.Nifti1Image(frames, np.eye(4)), tmp_path / "scan.nii.gz")
    with pytest.raises(InputError, match=r"\(frame=\.\.\.\)"):
        synthfm3d.read(tmp_path / "scan.nii.gz")
    scan = synthfm3d.read(tmp_path / "scan.nii.gz", frame=1, modality="mr")
    assert np.array_equal(scan.voxels.T, frames[..., 1])
    assert scan.modality == "mr"
    options = synthfm3d.ReadOptions(frame=1, modality="ct")
    assert synthfm3d.read(tmp_path / "scan.nii.gz", options, modality="us").modality == "us"


@pytest.mark.parametrize(
    ("option", "argument"),
    [
        ("give it (--spacing X,Y,Z).", "give it (spacing_mm=(z, y, x))."),
        ("say so (--modality us).", 'say so (modality="us").'),
        ("choose one with --frame 0 to --frame 3.", "choose one with frame=0 to frame=3."),
        ("choose one with --series.", "choose one with series=...."),
        ("leave it out (--allow-gaps).", "leave it out (allow_gaps=True)."),
    ],
)
def test_errors_name_arguments_instead_of_options(option, argument):
    assert with_arguments(option) == argument


def test_doubts_about_a_file_are_warned_of_once_and_kept(tmp_path):
    voxels = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    voxels[0, 0, 0] = np.nan
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "scan.nii.gz")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scan = synthfm3d.read(tmp_path / "scan.nii.gz")
    path = tmp_path / "scan.nii.gz"
    assert [str(one.message) for one in caught] == [f"{path}: {doubt}" for doubt in scan.doubts]
    assert scan.doubts


@pytest.mark.parametrize(
    ("given", "way_out"),
    [
        ("ct.nii.gz", r"sf\.read\('ct\.nii\.gz'\)"),
        (np.zeros((2, 3, 4)), r"sf\.Volume\.from_spacing\(array"),
        (None, "not NoneType"),
    ],
)
def test_what_is_no_scan_is_refused_with_the_way_to_one(given, way_out):
    segmenter = synthfm3d.Segmenter.from_pretrained("random-walker")
    with pytest.raises(TypeError, match=way_out):
        segmenter.segment(given, [synthfm3d.Point((0, 0, 0))])
    with pytest.raises(TypeError, match=way_out):
        synthfm3d.Session(segmenter, given)


def test_an_array_of_known_spacing_is_an_axial_volume():
    volume = synthfm3d.Volume.from_spacing(np.zeros((2, 3, 4)), (5.0, 0.5, 0.7), modality="ct")
    assert volume.spacing_mm == pytest.approx((5.0, 0.5, 0.7))
    assert (volume.shape, volume.modality) == ((2, 3, 4), "ct")


def test_a_volume_tells_its_shape_spacing_and_values_in_one_line():
    told = repr(synthfm3d.example())
    assert told == "Volume(24 × 96 × 128 voxels of 2.2 × 2.0 × 2.0 mm (z, y, x), mr, int16 0 to 1162)"


def test_a_notebook_shows_an_image_in_grey_and_a_label_map_in_colours():
    volume = synthfm3d.generate(0, 1, SynthesisSettings(shape=(8, 48, 48)))
    grey, coloured, over = (
        np.asarray(Image.open(io.BytesIO(one._repr_png_())).convert("RGB"), int)
        for one in (volume.image, volume.labels, volume)
    )

    def colourful(picture):
        return (np.ptp(picture, axis=-1) > 30).mean()

    assert colourful(grey) == 0
    assert colourful(coloured) > 0.01
    assert colourful(over) > 0.01


def test_a_volume_of_one_value_has_a_picture_too():
    empty = synthfm3d.Volume.from_spacing(np.zeros((2, 3, 4), np.uint8), (1, 1, 1))
    assert empty._repr_png_().startswith(b"\x89PNG")
