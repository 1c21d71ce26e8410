"""Indices of the columns and fields in the arrays that the slice kernel reads (``tables``)."""

from synthfm3d.synthesis.scene import TEXTURES

# Fields in the order in which the kernel takes them. The finest textures come from tiles.
TILED = 2
COARSE, FINE = TEXTURES, TEXTURES + 1
WARP_Y, WARP_X = TEXTURES + 2, TEXTURES + 3
BIAS = TEXTURES + 4
FIELDS = TEXTURES + 5

# Kinds of a part on a slice.
ABSENT, QUADRIC, CAPSULE, ROUNDED_BOX, STAR = 0.0, 1.0, 2.0, 3.0, 4.0
# Columns of ``parts``: kind, then the box that holds the part, then what its kind needs.
KIND, Y_LOW, Y_HIGH, X_LOW, X_HIGH = range(5)
# Quadric M(y, x) = q + m0 with q a quadratic form; half its gradient along z is
# c0 - v_y g_y - v_x g_x - rate * M at its surface, M = 1 (``parts``).
CENTRE_Y, CENTRE_X, A_YY, A_YX, A_XX, M0, C0, V_Y, V_X, RATE = range(5, 15)
# Capsule: start (y, x), z of the slice from the start, axis (z, y, x), 1 / length^2, radius, growth.
START_Y, START_X, FROM_Z, AXIS_Z, AXIS_Y, AXIS_X, PER_LENGTH2, RADIUS, GROWTH = range(5, 14)
# Rounded box and star: centre (y, x) and height of the slice over the centre, then the rounded box's
# frame, three rows of (z, y, x) over the semi-axes, and its form; or the star's radius and bumps.
LOCAL_Y, LOCAL_X, LOCAL_Z, FRAME = 5, 6, 7, 8
SQUARENESS, TAPER, BEND = 17, 18, 19
STAR_RADIUS, BUMPS = 8, 9
MOST_BUMPS, BUMP_NUMBERS = 4, 6
COLUMNS = BUMPS + MOST_BUMPS * BUMP_NUMBERS

# Columns of ``structures``.
(
    FIRST_PART,
    LAST_PART,
    COARSE_MM,
    FINE_MM,
    BLEND_MM,
    CONFINED,
    REACH_MM,
    LAYERS,
    NEIGHBOURHOOD,
    GAP_MM,
    STRUCTURE_COLUMNS,
) = range(11)
# Columns of ``layers``.
DEPTH_MM, THICKNESS_MM, LABEL, MEAN, CLUSTER, TEXTURE = range(6)
NO_END_MM = 1e6
