"""Prompts from the truth, answers to them, and their scores."""
