"""Signals of real tissues, by modality: starting values, drawn around for every volume.

CT: Hounsfield units from plain to enhanced phases. MR: relaxation times at 3 T (de Bazelaire et al.,
Radiology 230:652, 2004; blood and muscle of the heart, brain: textbook values) in the spoiled
gradient-echo, spin-echo, balanced and inversion-recovery signal equations. Ultrasound: echogenicity
in decibels below a specular reflector.
"""

import math
from dataclasses import dataclass

from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scene import Material

HOUNSFIELD: dict[Material, tuple[float, float]] = {
    "skin": (20, 80),
    "fat": (-120, -70),
    "fascia": (0, 60),
    "muscle": (35, 75),
    "parenchyma": (20, 150),
    "wall": (25, 110),
    "fluid": (-5, 25),
    "blood": (35, 350),
    "gas": (-1000, -850),
    "lung": (-910, -700),
    "lesion": (0, 140),
    "necrosis": (5, 40),
    "grey matter": (35, 46),
    "white matter": (20, 32),
    "cortical bone": (350, 1300),
    "marrow": (80, 300),
    "disc": (60, 110),
    "cord": (25, 45),
    "calcium": (400, 1500),
}
"""Lowest and highest mean of each material."""

RELAXATION_MS: dict[Material, tuple[float, float, float]] = {
    "skin": (400, 30, 0.6),
    "fat": (382, 68, 1.0),
    "fascia": (600, 12, 0.3),
    "muscle": (898, 29, 0.8),
    "parenchyma": (950, 50, 0.85),
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

ECHOGENICITY_DB: dict[Material, tuple[float, float]] = {
    "skin": (-6, 1),
    "fat": (-14, -3),
    "fascia": (-4, 3),
    "muscle": (-18, -8),
    "parenchyma": (-20, -5),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """An MR sequence: its kind and times in ms, the flip angle in degrees."""

    kind: str
    repetition_ms: float
    echo_ms: float
    flip_degrees: float = 90.0
    inversion_ms: float = 0.0
    fat_suppression: float = 1.0


def draw_sequence(draw: Draw) -> Sequence:
    """T1- and T2-weighted, balanced and inversion-recovery sequences; fat suppressed in a third."""
    fat = draw.uniform(0.0, 0.2) if draw.chance(0.33) else 1.0
    match draw.pick(("spgr", "tse", "bssfp", "ir"), (0.35, 0.35, 0.2, 0.1)):
        case "spgr":
            return Sequence(
                kind="spgr",
                repetition_ms=draw.uniform(3.0, 8.0),
                echo_ms=draw.uniform(1.0, 4.0),
                flip_degrees=draw.uniform(5.0, 30.0),
                fat_suppression=fat,
            )
        case "tse":
            return Sequence(
                kind="tse",
                repetition_ms=draw.log_uniform(400.0, 6000.0),
                echo_ms=draw.log_uniform(8.0, 120.0),
                fat_suppression=fat,
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
    :math:`\rho \sin a\,(1 - E_1)/(1 - (E_1 - E_2)\cos a - E_1 E_2)\,e^{-TE/T2}`; magnitude inversion
    recovery :math:`\rho |1 - 2 e^{-TI/T1} + E_1| e^{-TE/T2}`; with E = exp(-TR / T) (Bernstein, King &
    Zhou, Handbook of MRI Pulse Sequences, 2004).
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
            return density * abs(1 - 2 * math.exp(-sequence.inversion_ms / t1_ms) + e1) * decay


def mr_means(draw: Draw, sequence: Sequence) -> dict[Material, float]:
    """Signal of each material, the brightest of the body's at 0.5-1; relaxation jittered by 15 %."""
    signals: dict[Material, float] = {}
    for material, (t1, t2, density) in RELAXATION_MS.items():
        jitter = [draw.log_uniform(0.85, 1.18) for _ in range(3)]
        signal = mr_signal(sequence, t1 * jitter[0], t2 * jitter[1], min(1.0, density * jitter[2]))
        signals[material] = signal * (sequence.fat_suppression if material == "fat" else 1.0)
    ordered = sorted(signals.values())
    white = max(ordered[-3], 1e-6) / draw.uniform(0.5, 0.95)
    return {material: rounded(min(signal / white, 1.6)) for material, signal in signals.items()}
