"""From a scan and a prompt to the object's mask, on phantoms whose object is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthfm3d.errors import InputError
from synthfm3d.model.random_walker import RandomWalker
from synthfm3d.prompts.prompt import Box, Mask, Point
from synthfm3d.prompts.simulation import largest_slice, tight_box
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.result import Segmentation
from synthfm3d.volume import Grid, Volume

KINDS = ("click", "box", "mask")


def dice(found, truth):
    return 2 * np.count_nonzero((found > 0) & truth) / (np.count_nonzero(found) + np.count_nonzero(truth))


def ellipsoid(*radii_mm):
    return lambda offset: ((offset / np.array(radii_mm)) ** 2).sum(axis=-1) <= 1


def tube(offset):
    """12 mm wide, 140 mm long, winding by 8 mm to either side."""
    return (
        (offset[..., 1] ** 2 + (offset[..., 2] - 8 * np.sin(offset[..., 0] / 15)) ** 2 < 36)
        & (np.abs(offset[..., 0]) < 70)
    )  # fmt: skip


@pytest.fixture(scope="session")
def segmenter(region_growing):
    return Segmenter(region_growing())


@settings(max_examples=12, deadline=None)
@given(
    st.permutations(range(3)).map(tuple),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.sampled_from(KINDS),
)
def test_the_same_object_is_found_however_the_scan_is_stored(ball, segmenter, order, flipped, kind):
    stored = ball.scan.reordered(order, flipped)
    truth = ball.scan.with_voxels(ball.truth).reordered(order, flipped).voxels
    mask = segmenter.segment(stored, ball.prompts(kind))
    assert mask.voxels.dtype == np.uint8
    assert np.array_equal(mask.affine, stored.affine)
    assert dice(mask.voxels, truth) > 0.85
    reference = segmenter.segment(ball.scan, ball.prompts(kind))
    assert np.array_equal(reference.reordered(order, flipped).voxels, mask.voxels)


def test_an_oblique_scan_gives_the_mask_of_the_straight_one(ball, segmenter):
    angle = 0.3
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    oblique = replace(ball.scan, affine=turn @ ball.scan.affine)
    click = tuple((turn @ [*ball.prompts("click")[0].position_mm, 1])[:3])
    straight = segmenter.segment(ball.scan, ball.prompts("click"))
    assert dice(segmenter.segment(oblique, [Point(position_mm=click)]).voxels, straight.voxels > 0) > 0.999


@pytest.mark.parametrize("kind", KINDS)
def test_slices_of_8_mm_are_no_obstacle(phantom, segmenter, kind):
    thick = phantom(ellipsoid(30, 25, 20), (12, 100, 100), (8.0, 1.4, 1.4))
    assert dice(segmenter.segment(thick.scan, thick.prompts(kind)).voxels, thick.truth) > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_object_is_found(phantom, segmenter, kind):
    small = phantom(ellipsoid(4, 3, 3), (30, 120, 120), (1.0, 1.0, 1.0))
    assert dice(segmenter.segment(small.scan, small.prompts(kind)).voxels, small.truth) > 0.8


def test_an_object_larger_than_the_first_view_is_found_by_zooming_out(phantom, segmenter):
    # The first view of this model is 64 mm wide; three times that is still less than the object.
    large = phantom(ellipsoid(40, 150, 140), (24, 340, 340), (2.0, 1.0, 1.0))
    result = segmenter.segment_with_details(large.scan, large.prompts("click"))
    assert result.field_of_view_mm > 300
    # On the prompted slice: at the top and bottom the pixels of 5 mm, the most that this small model
    # can see of such an object, mix with what is beyond the scan.
    z = largest_slice(large.truth)
    assert dice(result.mask.voxels[z], large.truth[z]) > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_tube_is_followed_through_the_stack(phantom, segmenter, kind):
    long = phantom(tube, (160, 64, 64), (1.0, 1.0, 1.0))
    result = segmenter.segment_with_details(long.scan, long.prompts(kind))
    assert dice(result.mask.voxels, long.truth) > 0.85
    assert result.warnings == ()


@pytest.mark.parametrize(("first", "last"), [(70, 75), (60, 100)], ids=["within one look", "followed"])
def test_a_box_in_3d_ends_where_it_says(phantom, segmenter, first, last):
    long = phantom(tube, (160, 64, 64), (1.0, 1.0, 1.0))
    low, high = long.scan.grid.to_mm(np.array([[first, 10, 10], [last, 54, 54]]))
    mask = segmenter.segment(long.scan, [Box(corner_mm=tuple(low), opposite_mm=tuple(high))])
    slices = np.flatnonzero(mask.voxels.any(axis=(1, 2)))
    assert (slices[0], slices[-1]) == (first, last)
    assert dice(mask.voxels[first : last + 1], long.truth[first : last + 1]) > 0.8


class Listening:
    """Passes prompts on to a model and keeps them."""

    def __init__(self, model):
        self.model, self.heard = model, []
        self.name, self.grid_shape, self.prepare = model.name, model.grid_shape, model.prepare

    def logits(self, features, prompts, previous=None):
        self.heard.append(prompts)
        return self.model.logits(features, prompts)


@pytest.mark.parametrize("kind", KINDS)
def test_on_its_way_a_model_gets_the_known_side_and_negative_clicks_as_in_training(
    phantom, region_growing, kind
):
    long = phantom(tube, (160, 64, 64), (1.0, 1.0, 1.0))
    model = Listening(region_growing())
    beside = [
        Point(position_mm=tuple(long.scan.grid.to_mm(np.array([z, 41, 32]))), positive=False)
        for z in range(0, 160, 5)
    ]
    Segmenter(model).segment(long.scan, [*long.prompts(kind), *beside])
    later = [heard for heard in model.heard if heard.mask is not None]
    if kind == "mask":
        later = later[1:]
    assert len(later) > 2
    for heard in later:
        assert not len(heard.positive)
        assert not len(heard.boxes)
        assert len(heard.negative)
        outlined = np.flatnonzero((heard.mask > 0).any(axis=(1, 2)))
        assert np.array_equal(outlined, np.flatnonzero(heard.mask.any(axis=(1, 2))))
        assert len(outlined) > 1
        middle = len(heard.mask) // 2
        assert np.array_equal(outlined, np.arange(outlined[0], outlined[-1] + 1))
        assert middle in (outlined[0], outlined[-1])


def test_a_mask_of_voxels_finer_than_any_pixel_that_a_model_sees_is_a_prompt(phantom, segmenter):
    # 64 pixels over 300 mm are 4.7 mm wide, their centres 4.7 mm beside the middle of the two lines.
    large = phantom(ellipsoid(12, 90, 90), (16, 300, 300), (2.0, 1.0, 1.0))
    z = largest_slice(large.truth)
    drawn = np.zeros(large.truth.shape, bool)
    drawn[z, 64:236, [146, 154]] = True
    mask = segmenter.segment(large.scan, [Mask(volume=large.scan.with_voxels(drawn))])
    assert mask.voxels[z + 1, 150, 150]


def test_a_prompt_far_away_that_the_mask_leaves_out_is_told(phantom, region_growing):
    apart = phantom(
        lambda offset: (np.abs(offset) < [10, 10, 10]).all(axis=-1), (160, 64, 64), (1.0, 1.0, 1.0)
    )
    near = Point(position_mm=tuple(apart.scan.grid.to_mm(np.array([80, 32, 32]))))
    drawn = np.zeros(apart.truth.shape, bool)
    drawn[150, 30:34, 30:34] = True
    far = Mask(volume=apart.scan.with_voxels(drawn))
    result = Segmenter(region_growing()).segment_with_details(apart.scan, [near, far])
    assert any("of the positive prompts" in sentence for sentence in result.warnings)


def test_a_box_on_a_sagittal_slice_is_understood(ball, segmenter):
    x = int(ball.truth.sum(axis=(0, 1)).argmax())
    inside = np.argwhere(ball.truth[:, :, x])
    corners = np.insert(np.stack([inside.min(axis=0), inside.max(axis=0)]), 2, x, axis=1)
    low, high = ball.scan.grid.to_mm(corners)
    mask = segmenter.segment(ball.scan, [Box(corner_mm=tuple(low), opposite_mm=tuple(high))])
    assert dice(mask.voxels, ball.truth) > 0.85


@pytest.mark.parametrize("selects", [True, False])
def test_a_second_object_alike_is_left_alone(phantom, region_growing, selects):
    class Bright(region_growing):
        """Finds whatever is bright, prompted or not."""

        def logits(self, features, prompts, previous=None):
            return (10 * (features - 0.5)).astype(np.float32)

    def two(offset):
        apart = np.array([0, 0, 13])
        return ellipsoid(12, 9, 9)(offset - apart) | ellipsoid(12, 9, 9)(offset + apart)

    pair = phantom(two)
    one = pair.truth.copy()
    one[:, :, 40:] = False
    z, y, x = (int(v) for v in np.argwhere(one).mean(axis=0).round())
    click = Point(position_mm=tuple(pair.scan.grid.to_mm(np.array([z, y, x]))))
    model = region_growing() if selects else Bright()
    mask = Segmenter(model).segment(pair.scan, [click])
    assert dice(mask.voxels, one) > 0.85
    assert not mask.voxels[:, :, 40:].any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_random_walker_works_behind_the_same_interface(ball, kind):
    mask = Segmenter(RandomWalker()).segment(ball.scan, ball.prompts(kind))
    assert dice(mask.voxels, ball.truth) > 0.9


def test_prompts_are_checked_before_the_model_is_asked(ball, region_growing):
    model = region_growing()
    grid = ball.scan.grid
    outside = tuple(grid.to_mm(np.array([200, 40, 40])))
    empty = Mask(volume=ball.scan.with_voxels(np.zeros(grid.shape, np.uint8)))
    for prompts in ([], [Point(position_mm=outside)], [empty]):
        with pytest.raises(InputError):
            Segmenter(model).segment(ball.scan, prompts)
    assert model.looks == 0


class Blind:
    """A model that never finds anything."""

    name = "blind"
    grid_shape = (8, 16, 16)

    def prepare(self, channels, spacing_mm):
        return channels

    def logits(self, features, prompts, previous=None):
        return np.full(self.grid_shape, -3.0, np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_finds_nothing_gives_an_empty_mask_and_says_so(ball, kind):
    prompts = ball.prompts(kind)
    with pytest.warns(UserWarning, match="found nothing"):
        mask = Segmenter(Blind()).segment(ball.scan, prompts)
    drawn = prompts[0].volume.voxels > 0 if kind == "mask" else np.zeros(ball.truth.shape, bool)
    assert np.array_equal(mask.voxels > 0, drawn)  # what was drawn is known without a model


class Box3D(Blind):
    """A model that answers with the box itself, whatever the clicks say."""

    name = "box"

    def logits(self, features, prompts, previous=None):
        logits = super().logits(features, prompts)
        for low, high in prompts.boxes.astype(int):
            logits[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))] = 3.0
        return logits


def test_a_point_that_the_mask_leaves_out_is_told(ball):
    away = Point(position_mm=tuple(ball.scan.grid.to_mm(np.array([20, 10, 10]))))
    prompts = ball.prompts("box")
    assert Segmenter(Box3D()).segment_with_details(ball.scan, prompts).warnings == ()
    (sentence,) = Segmenter(Box3D()).segment_with_details(ball.scan, [*prompts, away]).warnings
    assert sentence.startswith("1 of the positive prompts")


def test_the_scan_and_the_prompts_are_left_as_they_were(ball, segmenter):
    before = ball.scan.voxels.copy()
    segmenter.segment(ball.scan, ball.prompts("mask"))
    assert np.array_equal(ball.scan.voxels, before)


def test_a_constant_scan_does_not_break_anything(ball, segmenter):
    flat = ball.scan.with_voxels(np.zeros_like(ball.scan.voxels))
    assert segmenter.segment(flat, ball.prompts("click")).voxels.shape == flat.voxels.shape


def test_a_scan_of_a_single_slice_is_segmented(ball):
    one = replace(ball.scan, voxels=ball.scan.voxels[20:21])
    low, high = (
        tuple(one.grid.to_mm(np.array(corner))) for corner in ([0, *c] for c in tight_box(ball.truth[20]))
    )
    mask = Segmenter(RandomWalker()).segment(one, [Box(corner_mm=low, opposite_mm=high)])
    assert dice(mask.voxels, ball.truth[20:21]) > 0.75


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_mask_to_be_corrected_is_seen_at_three_times_its_extent_however_it_is_stored(order):
    grid = Grid.from_spacing((12, 20, 30), (5.0, 1.0, 2.0))
    inside = np.zeros(grid.shape, np.uint8)
    inside[4:8, 3:9, 10:20] = 1  # on a slice 6 mm high and 20 mm wide
    scan = Volume(voxels=inside.astype(np.float32), affine=grid.affine).reordered(order, (False, True, False))
    mask = Volume(voxels=inside, affine=grid.affine)
    found = Segmentation.from_mask(scan, mask)
    assert found.field_of_view_mm == pytest.approx(60.0)
    assert found.mask.grid.same_as(scan.grid)
