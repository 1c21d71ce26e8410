"""The chest: lungs, the heart and large vessels between them, airways, and a cage of ribs."""

from dataclasses import replace
from itertools import pairwise

from synthfm3d.synthesis.anatomy.arrangements import Organ, draw_heart, draw_table
from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import AnatomySettings
from synthfm3d.synthesis.structures import ZYX, Ellipsoid, Layer, Structure, Tube

_HEART_SIZE = (0.07, 0.11)
_MEDIASTINUM = (
    Organ("descending aorta", (0.5, 0.42, 0.14), (3.0, 0.1, 0.07), material="blood"),
    Organ("ascending aorta", (0.75, -0.12, -0.06), (0.4, 0.12, 0.09), material="blood"),
    Organ("pulmonary artery", (0.72, -0.1, 0.1), (0.12, 0.11, 0.16), material="blood"),
    Organ("superior vena cava", (0.85, -0.1, -0.2), (0.5, 0.08, 0.06), material="blood"),
    Organ("esophagus", (0.5, 0.32, 0.03), (3.0, 0.06, 0.05), material="wall"),
    Organ("right hilum", (0.6, 0.08, -0.24), (0.12, 0.1, 0.09), material="blood"),
    Organ("left hilum", (0.62, 0.08, 0.26), (0.12, 0.1, 0.09), material="blood"),
    Organ("lymph node", (0.7, 0.12, -0.08), (0.05, 0.06, 0.06)),
    Organ("liver", (-0.1, -0.05, -0.45), (0.28, 0.6, 0.5)),
)
_RIB_PATH = ((0.966, 0.259), (0.643, 0.766), (0.087, 0.996), (-0.5, 0.866), (-0.85, 0.527))
"""Positions (y, x) of a rib along the wall, from the spine to the front."""
_MOST_PAIRS = 8


def draw_lungs(draw: Draw, view: FieldOfView, labels: Labels) -> list[Structure]:
    """A left and a right lung, with heart and vessels between them."""
    lungs: list[Structure] = []
    cavity_y, cavity_x = view.cavity_mm
    height = rounded(max(0.8 * view.size_mm[0], 0.5 * view.scale_mm) * draw.uniform(0.8, 1.6))
    middle = view.size_mm[0] * draw.uniform(0.4, 0.8)
    both = labels.new() if draw.chance(0.3) else 0
    for side, sign in (("left", 1), ("right", -1)):
        name = "lungs" if both else f"{side} lung"
        part = Ellipsoid(
            centre_mm=(
                rounded(middle + draw.normal(0.03) * height),
                rounded(view.centre_mm[0] + draw.normal(0.04) * cavity_y),
                rounded(view.centre_mm[1] + sign * draw.uniform(0.52, 0.6) * cavity_x),
            ),
            semi_axes_mm=(
                height,
                rounded(cavity_y * draw.uniform(0.82, 1.0)),
                rounded(cavity_x * draw.uniform(0.4, 0.5)),
            ),
            quaternion=(1.0, 0.0, 0.0, draw.normal(0.05)),
        )
        layer = Layer(name=name, depth_mm=0.0, label=both or labels.new(), material="lung")
        rough = (rounded(0.01 * view.scale_mm), 0.0)
        lungs.append(Structure(name=f"{side} lung", parts=(part,), layers=(layer,), roughness_mm=rough))
    return lungs


def draw_chest(draw: Draw, view: FieldOfView, settings: AnatomySettings, labels: Labels) -> list[Structure]:
    """Lungs, mediastinum, heart and airways, in the order of painting."""
    middle = replace(
        view,
        centre_mm=(
            rounded(view.centre_mm[0] - 0.2 * view.cavity_mm[0]),
            rounded(view.centre_mm[1] + 0.12 * view.cavity_mm[1]),
        ),
        cavity_mm=(rounded(0.4 * view.cavity_mm[0]), rounded(0.4 * view.cavity_mm[1])),
    )
    lungs = draw_lungs(draw.apart("lungs"), view, labels)
    heart = draw_heart(draw.apart("heart"), middle, labels, _HEART_SIZE) if draw.chance(0.85) else []
    organs = draw_table(draw, view, replace(settings, wall_share=0.0), _MEDIASTINUM, labels)
    return [*lungs, *heart, *organs, _airways(draw.apart("airways"), view, labels)]


def _airways(draw: Draw, view: FieldOfView, labels: Labels) -> Structure:
    """The trachea and its two main bronchi: gas in a thin wall."""
    radius = rounded(view.scale_mm * draw.uniform(0.02, 0.03))
    y = view.centre_mm[0] + draw.uniform(0.12, 0.24) * view.cavity_mm[0]
    x = view.centre_mm[1]
    fork = view.size_mm[0] * draw.uniform(0.45, 0.75)
    top: ZYX = (rounded(fork + view.scale_mm), rounded(y), rounded(x))
    middle: ZYX = (rounded(fork), rounded(y), rounded(x))
    tubes = [Tube(start_mm=top, end_mm=middle, start_radius_mm=radius, end_radius_mm=radius)]
    for sign in (1, -1):
        end: ZYX = (
            rounded(fork - 0.1 * view.scale_mm),
            rounded(y + 0.02 * view.scale_mm),
            rounded(x + sign * draw.uniform(0.09, 0.13) * view.scale_mm),
        )
        after = rounded(0.65 * radius)
        tubes.append(
            Tube(start_mm=middle, end_mm=end, start_radius_mm=rounded(0.8 * radius), end_radius_mm=after)
        )
    layer = Layer(name="airways", depth_mm=0.0, label=labels.new(), material="wall")
    gas = replace(layer, depth_mm=rounded(min(draw.uniform(0.8, 1.6), 0.3 * radius)), material="gas")
    return Structure(name="airways", parts=tuple(tubes), layers=(layer, gas), blend_mm=rounded(0.3 * radius))


def draw_rib_cage(draw: Draw, view: FieldOfView, labels: Labels) -> list[Structure]:
    """Pairs of ribs one under the other, each from the spine around the cavity and down."""
    pitch = rounded(view.scale_mm * draw.uniform(0.065, 0.1))
    fall = view.scale_mm * draw.uniform(0.05, 0.2)
    radius = rounded(view.scale_mm * draw.uniform(0.01, 0.017))
    apart = draw.chance(0.5)
    whole = 0 if apart or draw.chance(0.5) else labels.new()
    pairs = min(_MOST_PAIRS, int((view.size_mm[0] + fall) / pitch) + 1)
    start = draw.uniform(0.0, 1.0) * pitch
    ribs: list[Structure] = []
    for number in range(1, pairs + 1):
        for side, sign in (("left", 1), ("right", -1)):
            name = f"{side} rib {number}"
            label = labels.new() if apart else whole
            bone = Layer(name=name if apart else "ribs", depth_mm=0.0, label=label, material="cortical bone")
            marrow = replace(bone, depth_mm=rounded(0.45 * radius), material="marrow")
            ribs.append(
                Structure(
                    name=name,
                    parts=_rib(view, start + (number - 1) * pitch, sign, fall, radius),
                    layers=(bone, marrow),
                    confined=False,
                )
            )
    return ribs


def _rib(view: FieldOfView, height: float, sign: int, fall: float, radius: float) -> tuple[Tube, ...]:
    points: list[ZYX] = []
    for n, (y, x) in enumerate(_RIB_PATH):
        points.append(
            (
                rounded(height - fall * n / (len(_RIB_PATH) - 1)),
                rounded(view.centre_mm[0] + 1.02 * y * view.cavity_mm[0]),
                rounded(view.centre_mm[1] + 1.02 * sign * x * view.cavity_mm[1]),
            )
        )
    return tuple(
        Tube(start_mm=a, end_mm=b, start_radius_mm=radius, end_radius_mm=radius) for a, b in pairwise(points)
    )
