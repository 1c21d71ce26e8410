"""Generation of many volumes: the plan of their shards, the workers that make them, and verification."""
