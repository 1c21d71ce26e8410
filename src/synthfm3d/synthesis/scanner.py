"""What a scanner does: the fourth axis of a scene, one class for each modality.

Lengths are millimetres and positions (z, y, x), as everywhere in a scene.
"""

from dataclasses import dataclass
from typing import Literal

from synthfm3d.volume import Modality

ZYX = tuple[float, float, float]
"""Along (z, y, x), as everything in a scene: a place, lengths, or shares of them."""
Probe = Literal["phased", "curved", "linear", "circular"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class GreyMap:
    """How values become grey where they mean nothing by themselves (MR, ultrasound).

    White maps to itself and black too; in between the curve is a power, ``gamma``. ``inverted`` swaps black
    and white; ``levels`` are how many greys there are, 0 for all.
    """

    gamma: float = 1.0
    inverted: bool = False
    levels: int = 0

    def __post_init__(self) -> None:
        if self.gamma <= 0 or self.levels == 1 or self.levels < 0:
            raise ValueError(f"gamma must be positive and levels 0 or at least 2, got {self}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MrAcquisition:
    """Noise, receive field, and artefacts of how k-space was read.

    Parameters
    ----------
    noise
        Standard deviation of each channel's noise, as a fraction of signal 1.
    bias
        Relative standard deviation of the receive field.
    kept
        Central fraction of k-space that was read along both axes; 1: all, no Gibbs ringing.
    ghost_period, ghost
        Every so many lines of k-space along y are scaled by 1 + ``ghost``; 0: no ghosts.
    motion_pixels, motion_share
        Shift (y, x) between two poses, and the central fraction of lines read in the second; 0: none.
    grey
        Curve from magnitudes to stored values.
    """

    noise: float
    bias: float
    kept: float = 1.0
    ghost_period: int = 0
    ghost: float = 0.0
    motion_pixels: tuple[int, int] = (0, 0)
    motion_share: float = 0.0
    grey: GreyMap = GreyMap()


@dataclass(frozen=True, slots=True, kw_only=True)
class UltrasoundAcquisition:
    """Probe geometry, what happens along the beams, point spread and log compression.

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
        Beams that ribs or a poor contact take away: (centre, half width, loss in dB), the first two as
        shares of all beams.
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


Acquisition = CtAcquisition | MrAcquisition | UltrasoundAcquisition
ACQUISITIONS: dict[Modality, type] = {"ct": CtAcquisition, "mr": MrAcquisition, "us": UltrasoundAcquisition}
