"""What depends on the modality of a volume, chosen by its name."""

from synthfm3d.synthesis.ct import CtAcquisition, CtSignals, draw_ct_acquisition
from synthfm3d.synthesis.draw import Draw
from synthfm3d.synthesis.mr import MrAcquisition, MrSignals, draw_mr_acquisition
from synthfm3d.synthesis.scene import Acquisition
from synthfm3d.synthesis.settings import ContrastSettings, NoiseSettings
from synthfm3d.synthesis.signals import Signals
from synthfm3d.synthesis.structures import ZYX
from synthfm3d.synthesis.ultrasound import (
    UltrasoundSignals,
    draw_ultrasound_acquisition,
    without_beam_artefacts,
)
from synthfm3d.volume import Modality


def signals_of(modality: Modality, settings: ContrastSettings) -> Signals:
    """The signals of a modality."""
    match modality:
        case "ct":
            return CtSignals(settings.ct)
        case "mr":
            return MrSignals(settings.mr)
        case "us":
            return UltrasoundSignals(settings.us)


def draw_acquisition(
    draw: Draw, modality: Modality, settings: NoiseSettings, size_mm: ZYX, pixel_mm: float
) -> Acquisition:
    """Acquisition parameters for a field of view (z, y, x) in mm and a pixel size in mm.

    Switched off, CT and MR have no noise and no bias; ultrasound keeps its speckle, which is its
    signal, but nothing happens along its beams.
    """
    off = settings.mode == "off"
    match modality:
        case "ct":
            if off:
                return CtAcquisition(noise_hu=0.0)
            return draw_ct_acquisition(draw, settings.ct, size_mm, pixel_mm)
        case "mr":
            return (
                MrAcquisition(noise=0.0, bias=0.0)
                if off
                else draw_mr_acquisition(draw, settings.mr, settings.grey)
            )
        case "us":
            drawn = draw_ultrasound_acquisition(draw, settings.us, settings.grey, size_mm, pixel_mm)
            return without_beam_artefacts(drawn) if off else drawn
