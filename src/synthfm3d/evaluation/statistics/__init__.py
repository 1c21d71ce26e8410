"""Means over cases, their intervals, and tests of differences."""
