"""What the package costs, measured: ``make bench``. Ratios are taken within one run."""
