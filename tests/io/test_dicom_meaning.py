"""What stored DICOM numbers mean, by the header and never by the array alone."""

import warnings

import numpy as np
import pytest
from dicom_files import quiet_read, set_pixels
from dicom_objects import US_FRAMES, a_slice, frames_in_one, item, planes, saved

from synthfm3d.io.read import read

FIVE = planes(5)


def slices(values: np.ndarray = FIVE, **others: object) -> list:
    return [a_slice(plane, 2.0 * n, number=n, **others) for n, plane in enumerate(values)]


# ---------------------------------------------------------------- palettes and colours


def a_palette(dataset, table: np.ndarray, first: int = 0, bits: int = 16) -> None:
    """The same table uint16 for the three colours: a grey palette."""
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [len(table), first, bits])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", table.astype("<u2").tobytes())


def test_palette_indices_are_looked_up(tmp_path):
    index = (FIVE % 256).astype(np.uint8)
    grey = np.arange(256) * 7 % 256  # a palette in no order
    film = frames_in_one(index, US_FRAMES, "US", PixelSpacing=[0.2, 0.2])
    a_palette(film, grey * 257)
    with pytest.warns(UserWarning, match="luminance"):
        assert np.array_equal(read(saved(tmp_path / "scan", film)).voxels, grey[index])


def test_a_palette_may_begin_at_any_index(tmp_path):
    index = (FIVE % 64 + 100).astype(np.uint8)
    grey = np.arange(64) * 3
    film = frames_in_one(index, US_FRAMES, "US", PixelSpacing=[0.2, 0.2])
    a_palette(film, grey * 257, first=100)
    assert np.array_equal(quiet_read(saved(tmp_path / "scan", film)).voxels, grey[index - 100])


def test_colours_of_sixteen_bits_do_not_wrap(tmp_path):
    grey = np.arange(5 * 12 * 16).reshape(5, 12, 16) % 256
    film = frames_in_one(FIVE, US_FRAMES, "US", PixelSpacing=[0.2, 0.2])
    film.SamplesPerPixel, film.PhotometricInterpretation, film.PlanarConfiguration = 3, "RGB", 0
    film.PixelData = np.repeat((grey * 257).astype("<u2")[..., None], 3, axis=-1).tobytes()
    assert np.array_equal(quiet_read(saved(tmp_path / "scan", film)).voxels, grey)


@pytest.mark.parametrize(("kind", "samples"), [("HSV", 3), ("CMYK", 4), ("MONOCHROME2", 3), ("RGB", 1)])
def test_other_pixels_are_refused_by_their_name(kind, samples, tmp_path, refused):
    film = frames_in_one(FIVE.astype(np.uint8), US_FRAMES, "US", PixelSpacing=[0.2, 0.2])
    film.SamplesPerPixel, film.PhotometricInterpretation, film.PlanarConfiguration = samples, kind, 0
    refused(saved(tmp_path / "scan", film), kind, f"{samples} samples", "export it as")


# ---------------------------------------------------------------- padding


@pytest.mark.parametrize(
    ("value", "limit"), [(32767, None), (-2000, None), (-32768, None), (30000, 32767), (-1500, -2000)]
)
def test_padding_is_read_as_the_smallest_value_of_the_rest(value, limit, tmp_path):
    values = FIVE.astype(np.int16)
    values[:, :3] = value
    if limit is not None:
        values[:, 2] = (value + limit) // 2
    padded = slices(values)
    for dataset in padded:
        dataset.add_new("PixelPaddingValue", "SS", value)
        if limit is not None:
            dataset.add_new("PixelPaddingRangeLimit", "SS", limit)
    with pytest.warns(UserWarning, match=r"25\.0% of it is padding"):
        volume = read(saved(tmp_path / "scan", *padded))
    assert np.array_equal(volume.voxels[:, 3:], FIVE[:, 3:])
    assert set(np.unique(volume.voxels[:, :3])) == {FIVE[:, 3:].min()}


def test_padding_of_a_ct_stored_without_its_sign_is_known_before_rescaling(tmp_path):
    values = FIVE.astype(np.int16) - 1000
    values[:, :2] = -2000
    ct = slices(values, RescaleSlope=1, RescaleIntercept=-24, Modality="CT")
    for dataset in ct:
        dataset.add_new("PixelPaddingValue", "US", 63536)  # -2000 without its sign, as some write it
    volume = quiet_read(saved(tmp_path / "scan", *ct))
    assert volume.voxels.min() == int(FIVE[:, 2:].min()) - 1024


def test_what_is_only_padding_is_refused(tmp_path, refused):
    padded = slices(np.full((5, 12, 16), 9, np.uint16), PixelPaddingValue=9)
    refused(saved(tmp_path / "scan", *padded), "nothing but padding")


# ---------------------------------------------------------------- bits, tables, units


@pytest.mark.parametrize("signed", [False, True])
def test_stored_bits_may_lie_anywhere_in_their_cell(signed, tmp_path):
    true = FIVE.astype(np.int32) - (500 if signed else 0)
    cells = ((true & 0xFFF) << 4 | 0x5).astype(np.uint16)  # twelve bits at the top, an old overlay below
    shifted = slices(cells)
    for dataset in shifted:
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 15, int(signed)
    assert np.array_equal(read(saved(tmp_path / "scan", *shifted)).voxels, true)


def test_a_modality_lut_gives_values_their_meaning(tmp_path):
    table = (np.arange(1000) * 13 + 5) % 4096
    looked_up = slices()
    for dataset in looked_up:
        lut = item(LUTDescriptor=[1000, 0, 16], ModalityLUTType="US")
        lut.add_new("LUTData", "US", [int(v) for v in table])
        dataset.ModalityLUTSequence = [lut]
    assert np.array_equal(read(saved(tmp_path / "scan", *looked_up)).voxels, table[FIVE])


@pytest.mark.parametrize("unit", ["MGML", "Z_EFF", "PCT"])
def test_a_ct_in_other_units_is_not_taken_for_hounsfield(unit, tmp_path):
    ct = slices(Modality="CT", RescaleSlope=0.5, RescaleIntercept=0, RescaleType=unit)
    volume = quiet_read(saved(tmp_path / "scan", *ct))
    assert volume.modality is None
    assert any("not in Hounsfield units" in doubt for doubt in volume.doubts)
    assert quiet_read(saved(tmp_path / "scan", *ct), modality="ct").modality == "ct"


def test_values_of_thirty_two_bits_are_not_narrowed(tmp_path):
    wide = slices()
    for dataset, plane in zip(wide, FIVE, strict=True):
        set_pixels(dataset, plane.astype(np.uint32) * 4_000_000)
    volume = quiet_read(saved(tmp_path / "scan", *wide))
    np.testing.assert_allclose(volume.voxels, FIVE * 4e6, rtol=1e-6)


# ---------------------------------------------------------------- inversion


@pytest.mark.parametrize(("low", "high"), [(-32768, 32767), (20000, 32767), (0, 1)])
def test_inversion_does_not_overflow(low, high, tmp_path):
    values = np.linspace(low, high, FIVE.size).round().astype(np.int16).reshape(FIVE.shape)
    inverted = slices(values)
    for dataset in inverted:
        dataset.PhotometricInterpretation = "MONOCHROME1"
    volume = quiet_read(saved(tmp_path / "scan", *inverted))
    assert np.array_equal(volume.voxels, low + high - values.astype(int))


def test_inversion_of_fractions_is_exact(tmp_path):
    inverted = slices(RescaleSlope="0.0001", RescaleIntercept=0)
    for dataset in inverted:
        dataset.PhotometricInterpretation = "MONOCHROME1"
    expected = (int(FIVE.max()) + int(FIVE.min()) - FIVE.astype(float)) * 1e-4
    np.testing.assert_allclose(quiet_read(saved(tmp_path / "scan", *inverted)).voxels, expected, atol=1e-8)


def test_padding_stays_dark_where_values_are_inverted(tmp_path):
    values = FIVE.copy()
    values[:, :3] = 0xFFFF
    inverted = slices(values, PixelPaddingValue=0xFFFF)
    for dataset in inverted:
        dataset.PhotometricInterpretation = "MONOCHROME1"
    volume = quiet_read(saved(tmp_path / "scan", *inverted))
    rest = FIVE[:, 3:]
    assert np.array_equal(volume.voxels[:, 3:], int(rest.max()) + int(rest.min()) - rest.astype(int))
    assert set(np.unique(volume.voxels[:, :3])) == {rest.min()}


def test_counts_of_positron_emission_are_never_inverted(tmp_path):
    pet = slices(Modality="PT", RescaleSlope=2, RescaleIntercept=0)
    for dataset in pet:
        dataset.PhotometricInterpretation = "MONOCHROME1"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(read(saved(tmp_path / "scan", *pet)).voxels, FIVE * 2)
