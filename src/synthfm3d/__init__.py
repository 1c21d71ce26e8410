"""SynthFM-3D: promptable 3-D medical segmentation trained without a single real image.

In a notebook::

    import synthfm3d as sf

    scan = sf.example()  # or sf.read("scan.nii.gz")
    segmenter = sf.Segmenter.from_pretrained("default")
    mask = segmenter.segment(scan, [sf.Point((-12.1, 49.0, 44.5))])
    sf.write(mask, "mask.nii.gz")
"""

import sys

TYPE_CHECKING = False  # not from typing: importing the package imports nothing else
if TYPE_CHECKING:
    from synthfm3d.app.notebook import show
    from synthfm3d.generate import generate
    from synthfm3d.io.read import ReadOptions
    from synthfm3d.io.reading import example, read
    from synthfm3d.io.write import Origin, write
    from synthfm3d.loading.frameworks import from_monai, from_torchio, to_monai, to_torchio
    from synthfm3d.prompts.prompt import Box, Lasso, Mask, Point, Scribble
    from synthfm3d.segmentation.predictor import Segmenter
    from synthfm3d.segmentation.session import Session
    from synthfm3d.volume import Volume

__version__ = "0.1.0"

# Imported when they are first used: `import synthfm3d` takes no second and no torch.
_HOMES = {
    "Box": "synthfm3d.prompts.prompt",
    "Lasso": "synthfm3d.prompts.prompt",
    "Mask": "synthfm3d.prompts.prompt",
    "Origin": "synthfm3d.io.write",
    "Point": "synthfm3d.prompts.prompt",
    "ReadOptions": "synthfm3d.io.read",
    "Scribble": "synthfm3d.prompts.prompt",
    "Segmenter": "synthfm3d.segmentation.predictor",
    "Session": "synthfm3d.segmentation.session",
    "Volume": "synthfm3d.volume",
    "example": "synthfm3d.io.reading",
    "from_monai": "synthfm3d.loading.frameworks",
    "from_torchio": "synthfm3d.loading.frameworks",
    "generate": "synthfm3d.generate",
    "read": "synthfm3d.io.reading",
    "show": "synthfm3d.app.notebook",
    "to_monai": "synthfm3d.loading.frameworks",
    "to_torchio": "synthfm3d.loading.frameworks",
    "write": "synthfm3d.io.write",
}

__all__ = [
    "Box",
    "Lasso",
    "Mask",
    "Origin",
    "Point",
    "ReadOptions",
    "Scribble",
    "Segmenter",
    "Session",
    "Volume",
    "__version__",
    "example",
    "from_monai",
    "from_torchio",
    "generate",
    "read",
    "show",
    "to_monai",
    "to_torchio",
    "write",
]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'synthfm3d' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


class _Package(type(sys)):  # type: ignore[misc]
    """Keeps ``sf.generate`` the function, where an import would bind the module of this name to it."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name == "generate" and isinstance(value, type(sys))):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted(__all__)
