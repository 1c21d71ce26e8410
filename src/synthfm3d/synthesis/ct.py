"""CT: settings, acquisition, and the attenuation of tissues."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

from synthfm3d.synthesis.draw import Draw, Range, check_ranges, rounded
from synthfm3d.synthesis.modality import Mean, Signals, unpaired
from synthfm3d.synthesis.structures import ZYX, Layer, Material


@dataclass(frozen=True, slots=True, kw_only=True)
class CtContrastSettings:
    """Contrast of CT.

    Parameters
    ----------
    greys
        Fewest and most different means that the soft tissues of a random mixture have, since many of them
        have nearly the same attenuation; (0, 0): each layer has its own.
    texture_hu
        Standard deviation of textures, in HU; log-uniform, or (0, 0) for none.
    """

    greys: tuple[int, int] = (3, 6)
    texture_hu: Range = (1.5, 14.0)

    def __post_init__(self) -> None:
        check_ranges(self, positive_or_none=("texture_hu",))


@dataclass(frozen=True, slots=True, kw_only=True)
class CtBoundarySettings:
    """Boundaries of CT, whose point spread is alike everywhere.

    Parameters
    ----------
    fade_share
        Share of volumes whose boundaries fade in places, in place of ``boundary.fade_share``.
    """

    fade_share: float = 0.1

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CtNoiseSettings:
    """Noise and artefacts of CT. See ``CtAcquisition``.

    Parameters
    ----------
    noise_hu
        Standard deviation of quantum noise, in HU; log-uniform, or (0, 0) for none.
    noise_peak_per_mm
        Spatial frequency of most noise power, in cycles per mm; 0: white noise.
    slice_correlation
        Correlation of the noise of neighbouring slices, at most 0.5.
    ring_share, ring_hu
        Share of volumes with rings, and their standard deviation in HU.
    metal_share, streak_hu
        Share of volumes with a piece of metal, and the standard deviation of its streaks in HU.
    """

    noise_hu: Range = (4.0, 35.0)
    noise_peak_per_mm: Range = (0.08, 0.35)
    slice_correlation: Range = (0.0, 0.35)
    ring_share: float = 0.08
    ring_hu: Range = (2.0, 20.0)
    metal_share: float = 0.06
    streak_hu: Range = (20.0, 300.0)

    def __post_init__(self) -> None:
        check_ranges(self, positive_or_none=("noise_hu", "ring_hu", "streak_hu"), slice_correlation=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CtAcquisition:
    """Quantum noise, rings and metal.

    Parameters
    ----------
    noise_hu
        Standard deviation of quantum noise.
    noise_peak_per_mm
        Spatial frequency at which its power is largest, in cycles per mm; 0: white noise.
    slice_correlation
        Correlation of the noise of neighbouring slices, 0 to 0.5.
    ring_hu, ring_centre_mm
        Standard deviation of rings, and the centre of rotation (y, x); 0: none.
    streak_hu
        Standard deviation of streaks beside a piece of metal; 0: no metal.
    metal_mm, metal_radius_mm, metal_length_mm
        Centre (z, y, x) of the metal, its radius in the plane, and its length along z.
    """

    noise_hu: float
    noise_peak_per_mm: float = 0.0
    slice_correlation: float = 0.0
    ring_hu: float = 0.0
    ring_centre_mm: tuple[float, float] = (0.0, 0.0)
    streak_hu: float = 0.0
    metal_mm: ZYX = (0.0, 0.0, 0.0)
    metal_radius_mm: float = 0.0
    metal_length_mm: float = 0.0

    def signal_std(self, texture_std: float) -> float:
        """Standard deviation inside a tissue from noise and texture, in HU."""
        return float((self.noise_hu * self.noise_hu + texture_std * texture_std) ** 0.5)


_HIGHEST_PEAK = 0.3
"""Highest frequency of most noise power, in cycles per pixel. Beyond it the raster itself, not the
reconstruction kernel, would bound the spectrum."""


def draw_ct_acquisition(
    draw: Draw, settings: CtNoiseSettings, size_mm: ZYX, pixel_mm: float
) -> CtAcquisition:
    """Acquisition parameters for a field of view (z, y, x) in mm and a pixel size in mm."""
    noise = draw.log_uniform(*settings.noise_hu)
    peak = min(draw.uniform(*settings.noise_peak_per_mm), rounded(_HIGHEST_PEAK / pixel_mm))
    drawn = CtAcquisition(
        noise_hu=noise,
        noise_peak_per_mm=peak,
        slice_correlation=draw.uniform(*settings.slice_correlation),
    )
    drawn = _with_rings(draw.apart("rings"), settings, drawn, size_mm)
    return _with_metal(draw.apart("metal"), settings, drawn, size_mm)


def _with_rings(draw: Draw, settings: CtNoiseSettings, drawn: CtAcquisition, size_mm: ZYX) -> CtAcquisition:
    """Rings around a centre of rotation near the middle of the slice, in some volumes."""
    if not draw.chance(settings.ring_share):
        return drawn
    y, x = (rounded(extent * (0.5 + draw.normal(0.02))) for extent in size_mm[1:])
    return replace(drawn, ring_hu=draw.log_uniform(*settings.ring_hu), ring_centre_mm=(y, x))


def _with_metal(draw: Draw, settings: CtNoiseSettings, drawn: CtAcquisition, size_mm: ZYX) -> CtAcquisition:
    """A piece of metal and its streaks, in some volumes."""
    if not draw.chance(settings.metal_share):
        return drawn
    z, y, x = (rounded(extent * draw.uniform(0.25, 0.75)) for extent in size_mm)
    return replace(
        drawn,
        streak_hu=draw.log_uniform(*settings.streak_hu),
        metal_mm=(z, y, x),
        metal_radius_mm=draw.uniform(1.0, 4.0),
        metal_length_mm=rounded(size_mm[0] * draw.uniform(0.05, 0.5)),
    )


Phase = Literal["plain", "arterial", "portal", "delayed"]
"""Phases of contrast medium."""
PHASES: tuple[Phase, ...] = get_args(Phase)


def _alike(low: float, high: float) -> dict[Phase, Range]:
    return dict.fromkeys(PHASES, (low, high))


def _by_phase(*intervals: Range) -> dict[Phase, Range]:
    return dict(zip(PHASES, intervals, strict=True))


HOUNSFIELD: dict[Material, dict[Phase, Range]] = {
    "skin": _alike(20, 80),
    "fat": _alike(-120, -70),
    "fascia": _alike(0, 60),
    "muscle": _by_phase((40, 65), (45, 70), (50, 75), (50, 70)),
    "parenchyma": _by_phase((20, 65), (45, 160), (70, 150), (60, 110)),
    "medulla": _by_phase((20, 40), (50, 90), (130, 190), (120, 160)),
    "wall": _by_phase((25, 50), (50, 110), (60, 110), (55, 90)),
    "fluid": _alike(-5, 25),
    "blood": _by_phase((30, 55), (200, 450), (110, 190), (90, 135)),
    "gas": _alike(-1000, -850),
    "lung": _alike(-910, -700),
    "lesion": _by_phase((0, 60), (20, 140), (30, 120), (30, 110)),
    "necrosis": _alike(5, 40),
    "grey matter": _alike(35, 46),
    "white matter": _alike(20, 32),
    "cortical bone": _alike(350, 1300),
    "marrow": _alike(80, 300),
    "disc": _alike(60, 110),
    "cord": _alike(25, 45),
    "calcium": _alike(400, 1500),
}
"""Lowest and highest mean of each material, in HU (unenhanced: radiology textbooks; enhanced: starting
values)."""

HOUNSFIELD_OF_ORGANS: dict[str, dict[Phase, Range]] = {
    "liver": _by_phase((35, 65), (60, 80), (95, 125), (75, 95)),
    "spleen": _by_phase((35, 55), (80, 160), (105, 135), (85, 100)),
    "kidney": _by_phase((20, 40), (130, 220), (150, 200), (120, 160)),
    "pancreas": _by_phase((30, 50), (90, 130), (80, 110), (70, 85)),
    "aorta": _by_phase((30, 50), (250, 450), (130, 180), (100, 130)),
    "vena cava": _by_phase((30, 50), (40, 150), (110, 160), (100, 130)),
}
"""The same for organs that have ranges of their own; the outermost layer has them."""

_KEPT_IN_MIXTURES: frozenset[Material] = frozenset(
    {"gas", "lung", "cortical bone", "calcium", "marrow", "fat"}
)
"""Materials whose signal a random mixture does not change, because the windows of CT depend on them."""
_GREY_STD_HU = 4.0
"""Standard deviation of the means of tissues that share a grey."""


@dataclass(frozen=True, slots=True)
class CtSignals(Signals):
    """Signals of CT, in HU."""

    settings: CtContrastSettings

    outside = -1000.0
    bright, dark = 150.0, 0.0

    def texture_std(self, draw: Draw) -> float:
        """Standard deviation of textures, in HU."""
        return draw.log_uniform(*self.settings.texture_hu)

    def real_tissues(self, draw: Draw) -> Mean:
        """Tables of one contrast phase; some organs have a range of their own."""
        phase = draw.pick(PHASES)

        def mean(own: Draw, layer: Layer) -> float:
            organ = HOUNSFIELD_OF_ORGANS.get(unpaired(layer.name))
            if layer.depth_mm > 0 or layer.material not in ("parenchyma", "blood"):
                organ = None
            return own.uniform(*(organ or HOUNSFIELD[layer.material])[phase])

        return mean

    def mixture(self, draw: Draw) -> Mean:
        """A few greys within a window, which the soft tissues share."""
        centre, width = draw.uniform(0.0, 120.0), draw.log_uniform(120.0, 500.0)
        low, high = centre - width / 2, centre + width / 2
        palette = draw.apart("greys")
        greys = [palette.uniform(low, high) for _ in range(palette.whole(*self.settings.greys))]

        def mean(own: Draw, layer: Layer) -> float:
            if layer.material in _KEPT_IN_MIXTURES:
                return own.uniform(*HOUNSFIELD[layer.material]["plain"])
            if greys:
                return rounded(own.pick(greys) + own.normal(_GREY_STD_HU))
            return own.uniform(low, high)

        return mean

    def contrast(self, signal: float, around: float) -> float:
        """Difference of two means, in HU."""
        return abs(signal - around)

    def moved_apart(self, draw: Draw, around: float, margin: float) -> float:
        """A mean ``margin`` HU below or above ``around``."""
        return rounded(around - margin if draw.chance(0.5) else around + margin)
