"""Region growing with one weakness: a model whose mistake a test knows."""


class AlteredGrowing:
    """A promptable model around another one (the fixture ``region_growing``); subclasses alter its logits."""

    name = "altered"

    def __init__(self, growing):
        self.growing, self.grid_shape = growing, growing.grid_shape

    @property
    def looks(self):
        return self.growing.looks

    def prepare(self, channels, spacing_mm):
        return self.growing.prepare(channels, spacing_mm)

    def logits(self, features, prompts, previous=None):
        logits = self.growing.logits(features, prompts)
        self.alter(logits, prompts, previous)
        return logits

    def alter(self, logits, prompts, previous):
        """Change the logits (z, y, x) in place."""
        raise NotImplementedError
