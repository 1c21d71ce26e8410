"""Phantoms: scenes of known structures without noise, texture or shape noise."""

import pytest

from synthfm3d.synthesis.ct import CtAcquisition
from synthfm3d.synthesis.scene import Boundary, Contrast, Scene, Tissue
from synthfm3d.synthesis.structures import Anatomy, Layer, Stack, Structure

FAR = ((-1e4, 1.0), (1e4, 1.0))
NO_TEXTURE = (1.0, 2.0, 5.0, 10.0)


def everywhere(label=0, name="body"):
    """A body without an outline: one layer as far as the eye reaches."""
    outline = Stack(centre_mm=(0.0, 0.0), semi_axes_mm=(1e4, 1e4), direction=(1.0, 0.0), scale=FAR)
    layer = Layer(name=name, depth_mm=0.0, label=label, material="parenchyma")
    return Structure(name=name, parts=(outline,), layers=(layer,))


def organ(*parts, label=1, layers=None, **changes):
    """A structure of one layer, or of the given ones."""
    layers = layers or (Layer(name="organ", depth_mm=0.0, label=label, material="parenchyma"),)
    return Structure(name="organ", parts=tuple(parts), layers=layers, **changes)


@pytest.fixture
def phantom():
    """``phantom((structure, signals), …)``: a scene of structures with one mean signal per layer.

    A bare part is an organ of 1000 HU. The background is 0 HU. There is no noise, texture or warp.
    """

    def make(*contents, background=(None, (0.0,)), shape=(40, 64, 64), spacing_mm=(1.0, 1.0, 1.0),
             psf_mm=(0.4, 0.4), modality="ct", acquisition=None, **boundary):  # fmt: skip
        body, signals = background
        pairs = [(body or everywhere(), signals)]
        for content in contents:
            pairs.append(content if isinstance(content, tuple) else (organ(content), (1000.0,)))
        return Scene(
            seed=0,
            index=0,
            generator_version=0,
            modality=modality,
            shape=shape,
            spacing_mm=spacing_mm,
            anatomy=Anatomy(
                layout="free",
                structures=tuple(structure for structure, _ in pairs),
                cavity_depth_mm=0.0,
                shape_noise_mm=(5.0, 2.0),
                warp_mm=10.0,
                warp_amplitude_mm=0.0,
            ),
            contrast=Contrast(
                kind="tissues",
                outside=Tissue(mean=-1000.0),
                tissues=tuple(tuple(Tissue(mean=m) for m in means) for _, means in pairs),
                texture_mm=NO_TEXTURE,
            ),
            boundary=Boundary(psf_mm=psf_mm, texture_shield_mm=0.0, **boundary),
            acquisition=acquisition or CtAcquisition(noise_hu=0.0),
        )

    return make


@pytest.fixture
def structures():
    """Makers of structures, for tests that put phantoms together: ``everywhere`` and ``organ``."""

    class Makers:
        everywhere = staticmethod(everywhere)
        organ = staticmethod(organ)

    return Makers
