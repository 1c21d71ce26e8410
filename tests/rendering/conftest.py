"""Phantoms: scenes of known structures without noise, texture or shape noise."""

import pytest

from synthfm3d.synthesis.scene import (
    Boundary,
    CtAcquisition,
    Layer,
    Scene,
    Stack,
    Structure,
    Tissue,
)

FAR = ((-1e4, 1.0), (1e4, 1.0))


@pytest.fixture
def phantom():
    """``phantom(*parts, …)``: a scene whose one organ is 1000 HU in a background of 0 HU."""

    def make(
        *parts, shape=(40, 64, 64), spacing_mm=(1.0, 1.0, 1.0), layers=None, psf_mm=(0.4, 0.4), **changes
    ):
        everywhere = Stack(centre_mm=(0.0, 0.0), semi_axes_mm=(1e4, 1e4), direction=(1.0, 0.0), scale=FAR)
        background = Structure(
            name="body",
            parts=(everywhere,),
            layers=(Layer(name="background", depth_mm=0.0, label=0, tissue=Tissue(mean=0.0)),),
        )
        organ = Structure(
            name="organ",
            parts=tuple(parts),
            layers=layers or (Layer(name="organ", depth_mm=0.0, label=1, tissue=Tissue(mean=1000.0)),),
        )
        settings = {
            "seed": 0,
            "index": 0,
            "generator_version": 0,
            "modality": "ct",
            "layout": "inside",
            "shape": shape,
            "spacing_mm": spacing_mm,
            "structures": (background, organ) if parts else (background,),
            "cavity_depth_mm": 0.0,
            "outside": Tissue(mean=-1000.0),
            "texture_mm": (1.0, 2.0, 5.0, 10.0),
            "shape_noise_mm": (5.0, 2.0),
            "warp_mm": 10.0,
            "warp_amplitude_mm": 0.0,
            "boundary": Boundary(psf_mm=psf_mm, texture_shield_mm=0.0),
            "acquisition": CtAcquisition(noise_hu=0.0, correlated_share=0.0),
        }
        return Scene(**(settings | changes))

    return make
