"""SynthFM-3D: promptable 3-D medical segmentation trained without a single real image.

In a notebook::

    import synthfm3d as sf

    scan = sf.read("scan.nii.gz")
    segmenter = sf.Segmenter.from_pretrained("default")
    mask = segmenter.segment(scan, [sf.Point(position_mm=(-12.1, 49.0, 44.5))])
    sf.write(mask, "mask.nii.gz")
"""

TYPE_CHECKING = False  # not from typing: importing the package imports nothing else
if TYPE_CHECKING:
    from synthfm3d.app.notebook import show
    from synthfm3d.io.read import ReadOptions, read
    from synthfm3d.io.write import Origin, write
    from synthfm3d.prompts.prompt import Box, Lasso, Mask, Point, Scribble
    from synthfm3d.segmentation.frameworks import from_monai, from_torchio, to_monai, to_torchio
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
    "from_monai": "synthfm3d.segmentation.frameworks",
    "from_torchio": "synthfm3d.segmentation.frameworks",
    "read": "synthfm3d.io.read",
    "show": "synthfm3d.app.notebook",
    "to_monai": "synthfm3d.segmentation.frameworks",
    "to_torchio": "synthfm3d.segmentation.frameworks",
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
    "from_monai",
    "from_torchio",
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


def __dir__() -> list[str]:
    return sorted(__all__)
