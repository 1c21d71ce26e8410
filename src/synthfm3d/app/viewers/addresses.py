"""Addresses of the wire of nnInteractive, which the guard knows, too."""

PREFIX = "/nninteractive"
VIEWER_UPLOADS = frozenset(
    f"{PREFIX}/{name}"
    for name in (
        "set_image",
        "add_scribble_interaction",
        "add_lasso_interaction",
        "add_initial_seg_interaction",
    )
)
"""Calls with an array in their body."""
