"""MR: settings, acquisition, and the signals of tissues under a sequence.

Relaxation at 3 T: de Bazelaire et al., Radiology 230:652, 2004; blood, muscle of the heart and brain:
textbook values. Signals keep their sign: where tissues of opposite sign share a voxel, its magnitude has a
dark line, as at the borders of fat in opposed-phase images and between tissues on both sides of an
inversion's null.
"""

import math
from dataclasses import dataclass, replace

from synthfm3d.synthesis.draw import Draw, Range, check_ranges, rounded
from synthfm3d.synthesis.modality import GreyMap, GreySettings, Mean, Signals, draw_grey
from synthfm3d.synthesis.structures import Layer, Material


@dataclass(frozen=True, slots=True, kw_only=True)
class MrContrastSettings:
    """Contrast of MR.

    Parameters
    ----------
    texture
        Standard deviation of textures, relative to signal 1; log-uniform, or (0, 0) for none.
    """

    texture: Range = (0.01, 0.08)

    def __post_init__(self) -> None:
        check_ranges(self, positive_or_none=("texture",))


@dataclass(frozen=True, slots=True, kw_only=True)
class MrNoiseSettings:
    """Noise and artefacts of MR. See ``MrAcquisition``.

    Parameters
    ----------
    noise
        Standard deviation of noise relative to signal 1; log-uniform, or (0, 0) for none.
    bias
        Relative standard deviation of the receive field.
    gibbs_share, kept
        Share of volumes with Gibbs ringing, and the fraction of k-space kept.
    ghost_share, ghost
        Share of volumes with ghosts, and the scale of ghosted lines.
    motion_share, motion_pixels
        Share of volumes with motion, and the smallest and largest shift between two poses in pixels.
    """

    noise: Range = (0.005, 0.07)
    bias: Range = (0.0, 0.3)
    gibbs_share: float = 0.15
    kept: Range = (0.5, 0.95)
    ghost_share: float = 0.1
    ghost: Range = (0.05, 0.3)
    motion_share: float = 0.08
    motion_pixels: tuple[int, int] = (1, 4)

    def __post_init__(self) -> None:
        check_ranges(self, positive=("kept",), positive_or_none=("noise",), kept=1, ghost=1, bias=1)


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

    def signal_std(self, texture_std: float) -> float:
        """Standard deviation inside a tissue from noise and texture, relative to signal 1."""
        return float((self.noise * self.noise + texture_std * texture_std) ** 0.5)


def draw_mr_acquisition(draw: Draw, settings: MrNoiseSettings, grey: GreySettings) -> MrAcquisition:
    """Acquisition parameters; each artefact has a stream of its own."""
    drawn = MrAcquisition(noise=draw.log_uniform(*settings.noise), bias=draw.uniform(*settings.bias))
    drawn = _with_gibbs_ringing(draw.apart("gibbs"), settings, drawn)
    drawn = _with_ghosts(draw.apart("ghosts"), settings, drawn)
    drawn = _with_motion(draw.apart("motion"), settings, drawn)
    return replace(drawn, grey=draw_grey(draw.apart("grey"), grey))


def _with_gibbs_ringing(draw: Draw, settings: MrNoiseSettings, drawn: MrAcquisition) -> MrAcquisition:
    if not draw.chance(settings.gibbs_share):
        return drawn
    return replace(drawn, kept=draw.uniform(*settings.kept))


def _with_ghosts(draw: Draw, settings: MrNoiseSettings, drawn: MrAcquisition) -> MrAcquisition:
    if not draw.chance(settings.ghost_share):
        return drawn
    return replace(drawn, ghost_period=draw.whole(2, 10), ghost=draw.uniform(*settings.ghost))


def _with_motion(draw: Draw, settings: MrNoiseSettings, drawn: MrAcquisition) -> MrAcquisition:
    if not draw.chance(settings.motion_share):
        return drawn
    low, high = settings.motion_pixels
    y, x = (draw.whole(low, high) * (1 if draw.chance(0.5) else -1) for _ in range(2))
    return replace(drawn, motion_pixels=(y, x), motion_share=draw.uniform(0.1, 0.5))


RELAXATION_MS: dict[Material, tuple[float, float, float]] = {
    "skin": (400, 30, 0.6),
    "fat": (382, 68, 1.0),
    "fascia": (600, 12, 0.3),
    "muscle": (898, 29, 0.8),
    "parenchyma": (950, 50, 0.85),
    "medulla": (1545, 81, 0.9),
    "wall": (1100, 45, 0.8),
    "fluid": (3500, 900, 1.0),
    "blood": (1932, 275, 0.95),
    "gas": (1000, 1, 0.01),
    "lung": (1200, 3, 0.15),
    "lesion": (1300, 85, 0.9),
    "necrosis": (2200, 180, 0.95),
    "grey matter": (1600, 95, 0.85),
    "white matter": (900, 70, 0.7),
    "cortical bone": (500, 1, 0.05),
    "marrow": (586, 49, 0.9),
    "disc": (1100, 80, 0.8),
    "cord": (1000, 78, 0.75),
    "calcium": (500, 1, 0.03),
}
"""T1 and T2 in ms, and proton density."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """An MR sequence: its kind and times in ms, the flip angle in degrees.

    ``fat`` is a factor on the signal of fat and marrow: 0 to 0.2 where it is suppressed, -1 where it is
    opposed in phase to water.
    """

    kind: str
    repetition_ms: float
    echo_ms: float
    flip_degrees: float = 90.0
    inversion_ms: float = 0.0
    fat: float = 1.0


def draw_sequence(draw: Draw) -> Sequence:
    """T1- and T2-weighted, balanced and inversion-recovery sequences.

    Fat is suppressed in a third of the spoiled gradient echoes and spin echoes; of the other gradient
    echoes one in four is taken when fat and water are opposed.
    """
    fat = draw.uniform(0.0, 0.2) if draw.chance(0.33) else 1.0
    opposed = draw.chance(0.25)
    match draw.pick(("spgr", "tse", "bssfp", "ir"), (0.35, 0.35, 0.2, 0.1)):
        case "spgr":
            return Sequence(
                kind="spgr",
                repetition_ms=draw.uniform(3.0, 8.0),
                echo_ms=draw.uniform(1.0, 4.0),
                flip_degrees=draw.uniform(5.0, 30.0),
                fat=-1.0 if opposed and fat == 1.0 else fat,
            )
        case "tse":
            return Sequence(
                kind="tse",
                repetition_ms=draw.log_uniform(400.0, 6000.0),
                echo_ms=draw.log_uniform(8.0, 120.0),
                fat=fat,
            )
        case "bssfp":
            return Sequence(
                kind="bssfp",
                repetition_ms=draw.uniform(3.0, 5.0),
                echo_ms=2.0,
                flip_degrees=draw.uniform(40.0, 70.0),
            )
        case _:
            return Sequence(
                kind="ir",
                repetition_ms=draw.uniform(2500.0, 9000.0),
                echo_ms=draw.uniform(5.0, 60.0),
                inversion_ms=draw.uniform(150.0, 2500.0),
            )


def mr_signal(sequence: Sequence, t1_ms: float, t2_ms: float, density: float) -> float:
    r"""Steady-state signal of a tissue, before coils and noise.

    Spoiled gradient echo :math:`\rho \sin a\,(1 - E_1)/(1 - E_1 \cos a)\,e^{-TE/T2}`; spin echo
    :math:`\rho (1 - E_1) e^{-TE/T2}`; balanced SSFP
    :math:`\rho \sin a\,(1 - E_1)/(1 - (E_1 - E_2)\cos a - E_1 E_2)\,e^{-TE/T2}`; inversion recovery
    :math:`\rho (1 - 2 e^{-TI/T1} + E_1) e^{-TE/T2}`, negative before the null; with
    E = exp(-TR / T) (Bernstein, King & Zhou, Handbook of MRI Pulse Sequences, 2004). The gradient echo decays
    with T2 in place of T2*, for which no table of tissues is used.
    """
    e1 = math.exp(-sequence.repetition_ms / t1_ms)
    e2 = math.exp(-sequence.repetition_ms / t2_ms)
    decay = math.exp(-sequence.echo_ms / t2_ms)
    angle = math.radians(sequence.flip_degrees)
    sine, cosine = math.sin(angle), math.cos(angle)
    match sequence.kind:
        case "spgr":
            return density * sine * (1 - e1) / (1 - cosine * e1) * decay
        case "tse":
            return density * (1 - e1) * decay
        case "bssfp":
            return density * sine * (1 - e1) / (1 - (e1 - e2) * cosine - e1 * e2) * decay
        case _:
            return density * (1 - 2 * math.exp(-sequence.inversion_ms / t1_ms) + e1) * decay


def mr_means(draw: Draw, sequence: Sequence) -> dict[Material, float]:
    """Signal of each material, the third brightest at 0.5 to 0.95, none over 1.6; relaxation is jittered."""
    signals: dict[Material, float] = {}
    for material, (t1, t2, density) in RELAXATION_MS.items():
        jitter = [draw.log_uniform(0.85, 1.18) for _ in range(3)]
        signal = mr_signal(sequence, t1 * jitter[0], t2 * jitter[1], min(1.0, density * jitter[2]))
        signals[material] = signal * (sequence.fat if material in ("fat", "marrow") else 1.0)
    ordered = sorted(abs(signal) for signal in signals.values())
    white = max(ordered[-3], 1e-6) / draw.uniform(0.5, 0.95)
    return {material: rounded(min(max(signal / white, -1.6), 1.6)) for material, signal in signals.items()}


@dataclass(frozen=True, slots=True)
class MrSignals(Signals):
    """Signals of MR, relative to a signal 1 that is nearly white."""

    settings: MrContrastSettings

    outside = 0.0
    bright, dark = 0.8, 0.3

    def texture_std(self, draw: Draw) -> float:
        """Standard deviation of textures, relative to signal 1."""
        return draw.log_uniform(*self.settings.texture)

    def real_tissues(self, draw: Draw) -> Mean:
        """The signals of all materials under one sequence."""
        table = mr_means(draw, draw_sequence(draw))
        return lambda own, layer: rounded(table[layer.material] * own.log_uniform(0.85, 1.18))

    def mixture(self, draw: Draw) -> Mean:
        """Random signals over a part of the scale; gas stays dark."""
        span = draw.uniform(0.45, 1.0)
        base = draw.uniform(span / 2, 1.05 - span / 2)
        low, high = max(0.02, base - span / 2), base + span / 2

        def mean(own: Draw, layer: Layer) -> float:
            return own.uniform(0.0, 0.05) if layer.material == "gas" else own.uniform(low, high)

        return mean

    def contrast(self, signal: float, around: float) -> float:
        """Difference of two magnitudes."""
        return abs(abs(signal) - abs(around))

    def moved_apart(self, draw: Draw, around: float, margin: float) -> float:
        """A magnitude ``margin`` below that of ``around``, unless it were negative, or above it."""
        darker = abs(around) - margin
        return rounded(darker if draw.chance(0.5) and darker >= 0 else abs(around) + margin)
