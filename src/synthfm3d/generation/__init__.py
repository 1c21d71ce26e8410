"""Many volumes: which shard holds which, who makes it, and whether all of them are whole."""
