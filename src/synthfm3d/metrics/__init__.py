"""Agreement of a mask with a reference, the shape of a target, and the visibility of its boundary."""
