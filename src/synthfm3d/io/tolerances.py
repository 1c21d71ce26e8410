"""How far the numbers of a header may be off: all tolerances of positions, in one place.

Lengths are parts of a voxel, not millimetres: an optical coherence tomogram has pixels of a few
micrometres, a SPECT scan of some millimetres.
"""

SAME_PLACE = 0.02
"""Frames closer than this part of a pixel along the slice normal show the same slice."""
EVEN = 0.1
"""A slice may lie this part of the slice distance away from its place on the even grid."""
STRAIGHT = 0.2
"""A slice may lie this part of a pixel beside the straight line that is fitted through all slices."""
FAR_EDGE = 0.5
"""Directions and spacings are the same if the far edge of the image moves by less than this part of a
pixel."""
ON_GRID = 0.1
"""A mask lies on the voxels of a scan if no voxel is farther away than this part of one."""
MOST_EVEN = 20
"""Interpolation may make so many slices of one: more of them are an error of the header."""
TILT_DEGREES = 0.5
"""A gantry counts as tilted from here on."""
CROOKED = 1e-2
"""How far the length of a direction may be from 1, and the cosine between two from 0."""
