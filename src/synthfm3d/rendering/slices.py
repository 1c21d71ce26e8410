"""``slices_of``: which slices of a scene are to be rendered."""

from synthfm3d.synthesis.scene import Scene


def slices_of(scene: Scene, slices: range | None) -> range:
    """The given slices, all if None; ValueError for a range that is empty, strided, or not of the volume."""
    depth = scene.shape[0]
    slices = range(depth) if slices is None else slices
    if slices.step != 1 or not 0 <= slices.start < slices.stop <= depth:
        raise ValueError(f"slices must be range(first, after) within 0 and {depth}, got {slices}.")
    return slices
