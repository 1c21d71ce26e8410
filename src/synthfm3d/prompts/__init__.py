"""Prompts: what tells a model where the object is, and how training and evaluation imitate users."""
