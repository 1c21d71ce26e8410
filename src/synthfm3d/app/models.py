"""The models that a server offers: one is loaded at the start, others when a visitor chooses them."""

from collections.abc import Callable, Sequence

from synthfm3d.errors import InputError
from synthfm3d.segmentation.predictor import Segmenter


class OfferedModels:
    """Segmenters by the name of their model.

    Parameters
    ----------
    name, segmenter
        The model that every scan begins with.
    others
        Names of further models.
    load
        Loads a model by its name; takes seconds.
    """

    def __init__(
        self, name: str, segmenter: Segmenter, others: Sequence[str], load: Callable[[str], Segmenter]
    ) -> None:
        self.names = tuple(dict.fromkeys((name, *others)))
        self._loaded = {name: segmenter}
        self._load = load

    def add(self, name: str) -> None:
        """Offer another model from now on."""
        self.names = tuple(dict.fromkeys((*self.names, name)))

    def check(self, name: str) -> None:
        """InputError for the name of a model that is not offered."""
        if name not in self.names:
            raise InputError(f"there is no model {name} here: choose {', '.join(self.names)}.")

    def get(self, name: str) -> Segmenter:
        """The segmenter of an offered model, loaded if need be; InputError for any other name."""
        self.check(name)
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]
