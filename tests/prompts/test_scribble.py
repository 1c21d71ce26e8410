"""Strokes and lassos on voxels."""

import numpy as np

from synthfm3d.prompts.scribble import MOST_CLICKS, clicks_along, filled, spread, voxels_of_line


def test_clicks_that_stand_for_a_stroke_are_spread_along_it():
    places = np.array([[0.0, 0.0, mm] for mm in range(30)])
    clicks = np.array([click.position_mm for click in clicks_along(places)])
    assert len(clicks) == MOST_CLICKS
    assert {0, 29} <= set(clicks[:, 2])
    assert np.diff(np.sort(clicks[:, 2])).min() >= 3
    assert all(not click.positive for click in clicks_along(places, positive=False))


def test_the_first_place_of_a_spread_lies_in_the_middle_and_one_place_stands_for_itself():
    places = np.array([[0.0, 0.0, mm] for mm in range(31)])
    assert spread(places)[0] == 15
    assert spread(places[:1]) == [0]


def test_a_line_that_crosses_itself_holds_each_voxel_once():
    corners = np.array([[0, 0, 0], [0, 0, 4], [0, 0, 0.0]])
    assert voxels_of_line(corners).tolist() == [[0, 0, n] for n in range(5)]


def test_a_polygon_holds_its_border_and_a_line_stays_a_line():
    triangle = filled(np.array([[0, 0], [0, 4], [4, 0.0]]), (6, 6))
    assert np.array_equal(triangle, [[x + y <= 4 for x in range(6)] for y in range(6)])
    flat = filled(np.array([[1, 1], [1, 4], [1, 2.0]]), (6, 6))
    assert np.argwhere(flat).tolist() == [[1, n] for n in range(1, 5)]
