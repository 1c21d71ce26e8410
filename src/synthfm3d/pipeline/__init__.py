"""Combinations of all other parts: galleries, statistics, export, the demonstration, the reproduction."""
