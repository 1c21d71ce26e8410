"""From synthetic volumes to what a training step takes."""
