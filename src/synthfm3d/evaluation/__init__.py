"""What a method is worth: prompts from the truth, scores on every voxel, a report."""
