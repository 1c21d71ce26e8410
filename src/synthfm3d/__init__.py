"""SynthFM-3D: promptable 3-D medical segmentation trained without a single real image."""

__version__ = "0.1.0"
