"""The methods that are scored: models, baselines and the masks of other tools."""
