"""The format for large datasets: volumes in plain tar files, which other tools can read as well."""
