"""Our own format: volumes by the million in plain tar files, which other tools read, too."""
