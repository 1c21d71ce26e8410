"""Evaluate methods: prompts simulated from the labels, scores of every voxel, and a report."""
