"""What is scored: models, baselines and the masks of other tools."""
