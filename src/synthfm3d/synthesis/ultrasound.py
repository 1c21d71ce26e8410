"""Ultrasound: settings, acquisition, and the echogenicity of tissues."""

from dataclasses import dataclass, replace
from typing import Literal

from synthfm3d.synthesis.draw import Draw, Range, check_ranges, rounded
from synthfm3d.synthesis.modality import GreyMap, GreySettings, Mean, Signals, draw_grey
from synthfm3d.synthesis.structures import ZYX, Layer, Material

Probe = Literal["phased", "curved", "linear", "circular"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UltrasoundContrastSettings:
    """Contrast of ultrasound.

    Parameters
    ----------
    texture
        Standard deviation of textures over the echo amplitude; log-uniform, or (0, 0) for none.
    """

    texture: Range = (0.05, 0.45)

    def __post_init__(self) -> None:
        check_ranges(self, positive_or_none=("texture",))


@dataclass(frozen=True, slots=True, kw_only=True)
class UltrasoundNoiseSettings:
    """Probe and beams of ultrasound. See ``UltrasoundAcquisition``.

    Parameters
    ----------
    probes
        Probes to draw from, all equally likely.
    speckle_pixels, widening
        Point spread along the beam, in pixels, log-uniform; how much it widens with depth.
    dynamic_range_db, gain_db
        Grey scale.
    attenuation_db, ripple_db
        Uncompensated attenuation, and the standard deviation of the gain over depth.
    shadow, enhancement, specular
        Effect of a millimetre of a strong reflector, of a millimetre of fluid, and of boundaries.
    reverberation_share, clutter_share, lost_beams_share
        Share of volumes with ringing reflectors, with haze before the probe, with lost beams.
    compounding_share, compounding
        Share of volumes whose speckle is averaged, and what share of the squared envelope is its mean.
    """

    probes: tuple[Probe, ...] = ("phased", "curved", "linear", "circular")
    speckle_pixels: Range = (0.55, 1.2)
    widening: Range = (0.2, 1.2)
    dynamic_range_db: Range = (45.0, 70.0)
    gain_db: Range = (-30.0, -2.0)
    attenuation_db: Range = (-6.0, 14.0)
    ripple_db: float = 3.5
    shadow: Range = (0.02, 0.25)
    enhancement: Range = (0.0, 0.015)
    specular: Range = (0.0, 1.5)
    reverberation_share: float = 0.3
    clutter_share: float = 0.4
    lost_beams_share: float = 0.45
    compounding_share: float = 0.6
    compounding: Range = (0.2, 0.8)

    def __post_init__(self) -> None:
        check_ranges(
            self,
            positive=("speckle_pixels", "dynamic_range_db"),
            signed=("gain_db", "attenuation_db"),
            speckle_pixels=3,
            widening=1.9,
            compounding=1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UltrasoundAcquisition:
    """Probe geometry, effects along the beams, point spread and log compression.

    Parameters
    ----------
    probe
        Beams that fan out downwards (phased and curved arrays), run in parallel (linear: an apex far
        above the image), or go all around (circular, as from within the body).
    apex_mm
        (y, x) where all beams meet.
    near_mm, far_mm
        Distance from the apex where the image begins and ends.
    half_width
        Tangent of half the opening angle; of no meaning for a circular probe.
    speckle_mm
        Standard deviation of the point spread along the beam, across it at mid-depth, and between slices.
    widening
        How much wider across the beam the farthest echo is than the nearest, over that at mid-depth.
    dynamic_range_db, gain_db
        Range that the grey scale shows, and the gain before it: amplitude 1 is white at gain 0.
    attenuation_db, ripple_db
        Uncompensated loss from the nearest to the farthest echo, negative if overcompensated; and gains
        at evenly spaced depths on top of it.
    shadow, enhancement
        Share of the beam's amplitude that one millimetre of a reflector takes away, times by how much its
        echo exceeds 0.7; and share that one millimetre of fluid leaves too much.
    specular
        Mirrored echo of a boundary across the beam, over the step in amplitude.
    reverberation, ring_mm
        Share of a strong echo that comes back once more, and after which distance.
    compounding
        Share of the squared envelope that is its expected value, 0 to 1: pictures from several angles are
        averaged, and the speckle's standard deviation falls with the root of their number.
    clutter
        Amplitude of the haze before the probe, which ends at a quarter of the depth.
    lost_beams
        Beams that are lost behind ribs or at a poor contact: (centre, half width, loss in dB), the first two
        as shares of all beams.
    grey
        Curve on the log-compressed image.
    """

    probe: Probe = "phased"
    apex_mm: tuple[float, float]
    near_mm: float
    far_mm: float
    half_width: float
    speckle_mm: ZYX
    widening: float = 0.0
    dynamic_range_db: float
    gain_db: float
    attenuation_db: float = 0.0
    ripple_db: tuple[float, ...] = ()
    shadow: float = 0.0
    enhancement: float = 0.0
    specular: float = 0.0
    reverberation: float = 0.0
    ring_mm: float = 1.0
    compounding: float = 0.0
    clutter: float = 0.0
    lost_beams: tuple[tuple[float, float, float], ...] = ()
    grey: GreyMap = GreyMap()

    def signal_std(self, texture_std: float) -> float:
        """Standard deviation inside a tissue in dB: that of speckle, for any texture."""
        return _SPECKLE_DB


_SPECKLE_DB = 5.57
"""Standard deviation of fully developed speckle, for any mean: (20 / ln 10) (pi / sqrt(24))."""


def draw_ultrasound_acquisition(
    draw: Draw, settings: UltrasoundNoiseSettings, grey: GreySettings, size_mm: ZYX, pixel_mm: float
) -> UltrasoundAcquisition:
    """Acquisition parameters for a field of view (z, y, x) in mm and a pixel size in mm."""
    axial = pixel_mm * draw.log_uniform(*settings.speckle_pixels)
    drawn = replace(
        _probe(draw, draw.pick(settings.probes), size_mm),
        speckle_mm=(
            rounded(axial),
            rounded(axial * draw.uniform(1.3, 3.0)),
            rounded(axial * draw.uniform(1.5, 4.0)),
        ),
        widening=draw.uniform(*settings.widening),
        dynamic_range_db=draw.uniform(*settings.dynamic_range_db),
        gain_db=draw.uniform(*settings.gain_db),
        attenuation_db=draw.uniform(*settings.attenuation_db),
        ripple_db=tuple(draw.normal(settings.ripple_db) for _ in range(6)),
        shadow=draw.uniform(*settings.shadow),
        enhancement=draw.uniform(*settings.enhancement),
        specular=draw.uniform(*settings.specular),
    )
    drawn = _with_reverberation(draw.apart("reverberation"), settings, drawn, pixel_mm)
    drawn = _with_clutter(draw.apart("clutter"), settings, drawn)
    drawn = _with_lost_beams(draw.apart("lost beams"), settings, drawn)
    drawn = _with_compounding(draw.apart("compounding"), settings, drawn)
    return replace(drawn, grey=draw_grey(draw.apart("grey"), grey))


def _with_reverberation(
    draw: Draw, settings: UltrasoundNoiseSettings, drawn: UltrasoundAcquisition, pixel_mm: float
) -> UltrasoundAcquisition:
    if not draw.chance(settings.reverberation_share):
        return drawn
    return replace(
        drawn,
        reverberation=draw.uniform(0.2, 0.75),
        ring_mm=rounded(pixel_mm * draw.uniform(3.0, 12.0)),
    )


def _with_clutter(
    draw: Draw, settings: UltrasoundNoiseSettings, drawn: UltrasoundAcquisition
) -> UltrasoundAcquisition:
    if not draw.chance(settings.clutter_share):
        return drawn
    return replace(drawn, clutter=draw.log_uniform(0.02, 0.3))


def _with_lost_beams(
    draw: Draw, settings: UltrasoundNoiseSettings, drawn: UltrasoundAcquisition
) -> UltrasoundAcquisition:
    if not draw.chance(settings.lost_beams_share):
        return drawn
    lost = [
        (draw.uniform(0.0, 1.0), draw.uniform(0.03, 0.12), draw.uniform(3.0, 18.0))
        for _ in range(draw.whole(1, 3))
    ]
    return replace(drawn, lost_beams=tuple(lost))


def _with_compounding(
    draw: Draw, settings: UltrasoundNoiseSettings, drawn: UltrasoundAcquisition
) -> UltrasoundAcquisition:
    if not draw.chance(settings.compounding_share):
        return drawn
    return replace(drawn, compounding=draw.uniform(*settings.compounding))


def _probe(draw: Draw, kind: Probe, size_mm: ZYX) -> UltrasoundAcquisition:
    """A phased array (apex at the skin), a curved one (apex behind it), a linear or a circular one."""
    _, height, width = size_mm
    middle = width * draw.uniform(0.45, 0.55)
    far = height * draw.uniform(0.9, 1.02)
    if kind == "phased":
        apex, near, half_width = 0.02 * height, 0.02 * height, draw.uniform(0.6, 0.95)
    elif kind == "curved":
        behind = height * draw.uniform(0.25, 0.6)
        apex, near, half_width = -behind, behind + 0.02 * height, draw.uniform(0.45, 0.8)
    elif kind == "linear":
        behind = 40.0 * height
        apex, near, half_width = -behind, behind + 0.01 * height, 0.5 * width / (behind + height)
    else:
        apex, near, half_width = height * draw.uniform(0.4, 0.6), 0.06 * min(height, width), 1.0
        far = apex + min(height, width) * draw.uniform(0.42, 0.5)
    return UltrasoundAcquisition(
        probe=kind,
        apex_mm=(rounded(apex), rounded(middle)),
        near_mm=rounded(near),
        far_mm=rounded(far - apex),
        half_width=rounded(half_width),
        speckle_mm=(1.0, 1.0, 1.0),
        dynamic_range_db=60.0,
        gain_db=0.0,
    )


def without_beam_artefacts(drawn: UltrasoundAcquisition) -> UltrasoundAcquisition:
    """The same probe, gain and speckle, without any other effect along the beams."""
    return replace(
        drawn,
        attenuation_db=0.0,
        ripple_db=(),
        shadow=0.0,
        enhancement=0.0,
        specular=0.0,
        reverberation=0.0,
        clutter=0.0,
        lost_beams=(),
        grey=GreyMap(),
    )


ECHOGENICITY_DB: dict[Material, Range] = {
    "skin": (-6, 1),
    "fat": (-14, -3),
    "fascia": (-4, 3),
    "muscle": (-18, -8),
    "parenchyma": (-20, -5),
    "medulla": (-28, -17),
    "wall": (-14, -5),
    "fluid": (-44, -30),
    "blood": (-42, -26),
    "gas": (-1, 6),
    "lung": (-2, 5),
    "lesion": (-26, -4),
    "necrosis": (-35, -20),
    "grey matter": (-20, -12),
    "white matter": (-17, -9),
    "cortical bone": (3, 11),
    "marrow": (-26, -15),
    "disc": (-25, -15),
    "cord": (-25, -16),
    "calcium": (4, 12),
}
"""Lowest and highest level of each material, re a specular reflector."""


_HALF_DECIBEL = 0.944061
"""10^(-1/40)."""


@dataclass(frozen=True, slots=True)
class UltrasoundSignals(Signals):
    """Signals of ultrasound: echo amplitudes, 1 for a specular reflector."""

    settings: UltrasoundContrastSettings

    outside = 0.01
    bright, dark = 0.3, 0.1

    def texture_std(self, draw: Draw) -> float:
        """Standard deviation of textures over the amplitude of their tissue."""
        return draw.log_uniform(*self.settings.texture)

    def scaled_texture(self, texture_std: float, mean: float) -> float:
        """Standard deviation of the texture in amplitude."""
        return texture_std * mean

    def real_tissues(self, draw: Draw) -> Mean:
        """The echogenicity of each material."""
        return lambda own, layer: _amplitude(own.uniform(*ECHOGENICITY_DB[layer.material]))

    def mixture(self, draw: Draw) -> Mean:
        """The same, over ranges that reach 6 dB further at both ends."""

        def mean(own: Draw, layer: Layer) -> float:
            low, high = ECHOGENICITY_DB[layer.material]
            return _amplitude(own.uniform(low - 6.0, high + 6.0))

        return mean

    def contrast(self, signal: float, around: float) -> float:
        """Difference of two levels in dB, 6 dB for a factor of two, in steps of 0.5 dB."""
        high, low = max(signal, around, 1e-4), max(min(signal, around), 1e-4)
        steps = 0.0
        while high > low:  # whole steps are counted, which gives the same result on every machine
            high *= _HALF_DECIBEL
            steps += 0.5
        return steps

    def moved_apart(self, draw: Draw, around: float, margin: float) -> float:
        """An amplitude ``margin`` dB above or below ``around``."""
        return rounded(around * 10.0 ** ((margin if draw.chance(0.5) else -margin) / 20.0))


def _amplitude(decibel: float) -> float:
    return rounded(10.0 ** (decibel / 20.0))
