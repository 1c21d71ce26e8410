"""Simulate prompts, get predictions for them, and score these."""
