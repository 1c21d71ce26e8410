"""A cine sequence as frames and an M-mode line."""

import numpy as np

from synthfm3d.pictures import Layer, frames_in_time
from synthfm3d.volume import Grid, Volume


def test_frames_come_in_order_and_the_line_runs_through_time():
    # Frames grow brighter; the picture is three frames and the middle column of all of them.
    voxels = np.broadcast_to(np.arange(30)[:, None, None], (30, 20, 40)).astype(np.int16)
    image = Volume(voxels=voxels, affine=np.eye(4), third_axis="time")
    picture = frames_in_time(image, (0, 30), height_px=60)[..., 0].astype(int)
    # Frames are twice as wide as high, gaps are 4 pixels.
    assert picture.shape == (60, 3 * 120 + 90 + 3 * 4)
    shades = [picture[30, 60 + n * 124] for n in range(3)]
    assert np.allclose(shades, [255 * n / 30 for n in (5, 15, 25)], atol=2)
    line = picture[30, 3 * 124 :]
    assert (np.diff(line) >= 0).all()
    assert line[0] < 10
    assert line[-1] > 235


def test_labels_lie_over_the_frames_of_their_time():
    grid = Grid.from_spacing((9, 20, 20), (1.0, 1.0, 1.0))
    image = Volume(voxels=np.zeros((9, 20, 20), np.uint8), affine=grid.affine, third_axis="time")
    labels = image.with_voxels(np.zeros((9, 20, 20), np.uint8))
    labels.voxels[4, 5:15, 5:15] = 1
    picture = frames_in_time(image, (0, 1), layers=[Layer(labels=labels)], height_px=40)
    coloured = [bool(picture[:, n * 44 : n * 44 + 40].any()) for n in range(3)]
    assert coloured == [False, True, False]
