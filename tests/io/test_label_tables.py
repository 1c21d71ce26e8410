"""Names and colours of labels, in the forms in which viewers read them."""

from xml.etree import ElementTree

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from synthfm3d.errors import InputError
from synthfm3d.io.label_tables import itk_snap_table, labels_of, slicer_table
from synthfm3d.io.read import read, read_labels
from synthfm3d.io.write import write
from synthfm3d.volume import Grid, Volume

NAMES = {1: "liver", 7: 'left kidney "cortex" <1> & \\ more', 300: None}


@pytest.fixture
def label_map():
    voxels = np.zeros((4, 5, 6), np.uint16)
    voxels[1:3, 2:4, 0:5] = 1
    voxels[3, 4, 5] = 7
    grid = Grid.from_spacing(voxels.shape, (3.0, 0.5, 0.7))
    return Volume(voxels=voxels, affine=grid.affine)


@pytest.mark.parametrize("name", ["labels.nii.gz", "labels.nii", "labels.nrrd"])
def test_names_change_neither_voxels_nor_place(label_map, tmp_path, name):
    write(label_map, tmp_path / name, names=NAMES)
    again = read_labels(tmp_path / name)
    assert np.array_equal(again.voxels, label_map.voxels)
    assert again.grid.same_as(label_map.grid)
    assert read(tmp_path / name).doubts == ()


def test_nibabel_finds_the_label_table_in_a_nifti_extension(label_map, tmp_path):
    """By the tags that TotalSegmentator's own reader looks for."""
    write(label_map, tmp_path / "labels.nii.gz", names=NAMES)
    image = nib.load(tmp_path / "labels.nii.gz")
    assert np.array_equal(np.asarray(image.dataobj).T, label_map.voxels)
    (extension,) = image.header.extensions
    root = ElementTree.fromstring(extension.get_content().rstrip(b"\0"))
    assert root.tag == "CaretExtension"
    entries = root.findall("VolumeInformation/LabelTable/Label")
    assert [(int(e.attrib["Key"]), e.text) for e in entries] == [
        (1, "liver"),
        (7, NAMES[7]),
        (300, "object 300"),
    ]
    assert all(0 <= float(e.attrib[part]) <= 1 for e in entries for part in ("Red", "Green", "Blue"))
    assert root.findtext("VolumeInformation/VolumeType") == "Label"


def test_itk_finds_slicers_segments_in_an_nrrd(label_map, tmp_path):
    write(label_map, tmp_path / "labels.seg.nrrd", names={1: "liver", 7: "left kidney"})
    image = sitk.ReadImage(str(tmp_path / "labels.seg.nrrd"))
    said = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    assert (said["Segment0_Name"], said["Segment0_LabelValue"]) == ("liver", "1")
    assert (said["Segment1_Name"], said["Segment1_LabelValue"]) == ("left kidney", "7")
    assert said["Segment0_Extent"] == "0 4 2 3 1 2"  # x, y, z: first and last voxel
    assert said["Segmentation_MasterRepresentation"] == "Binary labelmap"
    colour = np.array(said["Segment0_Color"].split(), float) * 255
    assert colour == pytest.approx(np.array(labels_of({1: "liver"})[0].colour), abs=0.01)


def test_without_names_a_file_has_the_bytes_that_it_had_before(label_map, tmp_path):
    write(label_map, tmp_path / "plain.nii")
    stored = (tmp_path / "plain.nii").read_bytes()
    assert len(stored) == 352 + label_map.voxels.size  # header and voxels alone, which fit into uint8


def test_itk_snap_gets_eight_columns_with_the_name_in_quotes():
    lines = itk_snap_table(labels_of({2: 'a "b"'})).splitlines()
    rows = [line for line in lines if not line.startswith("#")]
    assert rows[0].split(maxsplit=7) == ["0", "0", "0", "0", "0", "0", "0", '"Clear Label"']
    red, green, blue = labels_of({2: ""})[0].colour
    assert rows[1].split(maxsplit=7) == ["2", str(red), str(green), str(blue), "1", "1", "1", "\"a 'b'\""]


def test_slicers_colour_table_has_six_columns_and_no_blank_in_a_name():
    rows = [line.split() for line in slicer_table(labels_of({1: "left  kidney"})).splitlines()[1:]]
    assert [len(row) for row in rows] == [6, 6]
    assert (rows[1][0], rows[1][1], rows[1][5]) == ("1", "left_kidney", "255")


def test_a_name_of_several_lines_becomes_one():
    assert labels_of({1: "liver\n:=\ttumour\0"})[0].name == "liver := tumour"


def test_neighbouring_labels_have_different_colours():
    colours = [label.colour for label in labels_of(dict.fromkeys(range(1, 22)))]
    assert len(set(colours)) == 21


def test_the_background_has_no_name(label_map, tmp_path):
    with pytest.raises(InputError, match="background"):
        write(label_map, tmp_path / "labels.nii", names={0: "air"})
