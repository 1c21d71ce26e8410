"""Measure time and memory of the package: ``make bench``. Ratios compare values of one run."""
