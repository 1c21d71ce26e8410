"""Signals of real tissues in CT and ultrasound: starting values, drawn around for every volume.

CT: Hounsfield units by contrast phase. Ultrasound: echogenicity in decibels below a specular reflector.
MR has its own file, ``mr_sequences``.
"""

from typing import Literal, get_args

from synthfm3d.synthesis.scene import Material

Phase = Literal["plain", "arterial", "portal", "delayed"]
PHASES: tuple[Phase, ...] = get_args(Phase)
Interval = tuple[float, float]


def _alike(low: float, high: float) -> dict[Phase, Interval]:
    return dict.fromkeys(PHASES, (low, high))


def _by_phase(*intervals: Interval) -> dict[Phase, Interval]:
    return dict(zip(PHASES, intervals, strict=True))


HOUNSFIELD: dict[Material, dict[Phase, Interval]] = {
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

HOUNSFIELD_OF_ORGANS: dict[str, dict[Phase, Interval]] = {
    "liver": _by_phase((35, 65), (60, 80), (95, 125), (75, 95)),
    "spleen": _by_phase((35, 55), (80, 160), (105, 135), (85, 100)),
    "kidney": _by_phase((20, 40), (130, 220), (150, 200), (120, 160)),
    "pancreas": _by_phase((30, 50), (90, 130), (80, 110), (70, 85)),
    "aorta": _by_phase((30, 50), (250, 450), (130, 180), (100, 130)),
    "vena cava": _by_phase((30, 50), (40, 150), (110, 160), (100, 130)),
}
"""The same for organs that have ranges of their own; the outermost layer has them."""

ECHOGENICITY_DB: dict[Material, Interval] = {
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
