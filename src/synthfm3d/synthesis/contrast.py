"""Contrast: the signal of every layer.

Most volumes draw random mixtures, since appearance randomised beyond realism generalises better than one
tuned to it (Zalevskyi et al., arXiv 2411.06842); the others draw real tissues. Each modality has its signals
in its own module. In all of them the contrast of a labelled layer with its surroundings is visible through
the noise.
"""

from dataclasses import dataclass, replace
from typing import get_args

from synthfm3d.synthesis.ct import CtSignals
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.modality import Mean, Signals, unpaired
from synthfm3d.synthesis.mr import MrSignals
from synthfm3d.synthesis.scene import TEXTURES, Acquisition, Contrast, Tissue
from synthfm3d.synthesis.settings import ContrastSettings
from synthfm3d.synthesis.structures import Anatomy, Layer, Material, Structure
from synthfm3d.synthesis.ultrasound import UltrasoundSignals
from synthfm3d.volume import Modality

_TEXTURE_PROFILE = (0.35, 0.5, 0.7, 0.8)
"""Strength of each texture field, fine to coarse: sub-clusters are coarse, grain is fine."""
_TEXTURE_PIXELS = (1.0, 2.2, 5.0, 11.0)
"""Correlation lengths of the texture fields, in pixels, before the common factor ``grain``."""
_CALM: frozenset[Material] = frozenset({"blood", "fluid", "gas", "fascia", "skin"})
"""Materials with little texture of their own."""
_VARIED: frozenset[Material] = frozenset(
    {"parenchyma", "medulla", "lesion", "wall", "fluid", "blood", "necrosis", "lung", "gas"}
)
"""Materials whose signal differs from organ to organ; the others are alike all over a body."""
_TRIES = 20
"""Number of times that a signal is drawn again before it is moved away from its surroundings."""
_LIKE_SHARE = 0.5
"""Standard deviation of the means of structures that are alike, over the least visible contrast."""
_PATCHED_SHARE = 0.3
"""Share of layers whose tissue is of two kinds, in patches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Palette:
    """Distributions from which the signals of one volume are drawn.

    Parameters
    ----------
    mean
        Draws the mean of a layer.
    shared
        Means of the materials that are alike all over the body.
    texture_std
        Standard deviation of textures.
    least
        Smallest visible contrast of a labelled layer.
    """

    signals: Signals
    mean: Mean
    shared: dict[Material, float]
    texture_std: float
    least: float

    def is_visible(self, signal: float, around: float) -> bool:
        return self.signals.contrast(signal, around) >= self.least

    def moved_apart(self, draw: Draw, around: float) -> float:
        """A mean just visible against its surroundings, brighter or darker."""
        return self.signals.moved_apart(draw, around, 1.2 * self.least)


def signals_of(modality: Modality, settings: ContrastSettings) -> Signals:
    """The signals of a modality."""
    match modality:
        case "ct":
            return CtSignals(settings.ct)
        case "mr":
            return MrSignals(settings.mr)
        case "us":
            return UltrasoundSignals(settings.us)


def draw_contrast(
    seed: int,
    place: str | int,
    modality: Modality,
    settings: ContrastSettings,
    anatomy: Anatomy,
    acquisition: Acquisition,
    pixel_mm: float,
) -> Contrast:
    """Signals for an anatomy. ``place`` names the streams: the volume's index, or one for all volumes."""
    draw = Draw(seed, place, "contrast")
    signals = signals_of(modality, settings)
    mixture = draw.chance(settings.mixture_share)
    texture_std = 0.0 if settings.mode == "off" else signals.texture_std(draw)
    grain = draw.log_uniform(*settings.grain)
    mean = signals.mixture(draw) if mixture else signals.real_tissues(draw)
    palette = _Palette(
        signals=signals,
        mean=mean,
        shared={
            material: mean(Draw(seed, place, "contrast", material), _layer_of(material))
            for material in get_args(Material)
            if material not in _VARIED
        },
        texture_std=texture_std,
        least=settings.least_contrast * acquisition.signal_std(texture_std),
    )
    if settings.mode == "off":
        tissues = tuple(_two_tone(structure, signals) for structure in anatomy.structures)
    else:
        tissues = _tissues(seed, place, anatomy, palette)
    fields = tuple(rounded(pixels * grain * pixel_mm) for pixels in _TEXTURE_PIXELS)
    return Contrast(
        kind="mixture" if mixture else "tissues",
        outside=Tissue(mean=signals.outside),
        tissues=tissues,
        texture_mm=(fields[0], fields[1], fields[2], fields[3]),
    )


def _tissues(
    seed: int, place: str | int, anatomy: Anatomy, palette: _Palette
) -> tuple[tuple[Tissue, ...], ...]:
    """Tissues of every layer of every structure, in the order of the anatomy."""
    by_name = {structure.name: structure for structure in anatomy.structures}
    drawn: dict[str, tuple[Tissue, ...]] = {}
    # A structure that repeats the tissues of another one is drawn after it, for any order of painting.
    for structure in sorted(anatomy.structures, key=lambda structure: structure.like is not None):
        # Organs that are paired, and of the same materials, share a stream.
        materials = (layer.material for layer in structure.layers)
        own = Draw(seed, place, "contrast", unpaired(structure.name), *materials)
        around = drawn.get(structure.within or "body")
        outer = around[-1].mean if around else palette.signals.outside
        if structure.like is None:
            means = _means(own, structure, palette, outer)
            drawn[structure.name] = _textured(own, structure.layers, means, palette)
        else:
            host = by_name[structure.like]
            repeated = {
                layer.material: tissue for layer, tissue in zip(host.layers, drawn[host.name], strict=True)
            }
            means = _like_means(own, structure, palette, outer, repeated)
            textured = _textured(own, structure.layers, means, palette)
            drawn[structure.name] = _repeated(structure, textured, repeated)
    return tuple(drawn[structure.name] for structure in anatomy.structures)


def _layer_of(material: Material) -> Layer:
    return Layer(name=material, depth_mm=0.0, label=0, material=material)


def _means(draw: Draw, structure: Structure, palette: _Palette, around: float) -> list[float]:
    """One mean per layer, each visibly different from what lies around it."""
    means: list[float] = []
    for number, layer in enumerate(structure.layers):
        outer = means[-1] if means else around
        same = number > 0 and layer.material == structure.layers[number - 1].material
        mean = outer if same else palette.shared.get(layer.material)
        for _ in range(_TRIES):
            if mean is not None and (same or palette.is_visible(mean, outer)):
                break
            mean = palette.mean(draw, layer)
        assert mean is not None
        if not same and not palette.is_visible(mean, outer):
            mean = palette.moved_apart(draw, outer)
        means.append(mean)
    return means


def _like_means(
    draw: Draw,
    structure: Structure,
    palette: _Palette,
    around: float,
    repeated: dict[Material, Tissue],
) -> list[float]:
    """Means near those of another structure's tissues; only labelled layers differ visibly from around.

    Only CT and MR have structures that are alike, so means may be shifted by a difference.
    """
    means: list[float] = []
    for layer in structure.layers:
        if layer.material in repeated:
            means.append(rounded(repeated[layer.material].mean + draw.normal(_LIKE_SHARE * palette.least)))
        else:
            known = palette.shared.get(layer.material)
            means.append(palette.mean(draw, layer) if known is None else known)
    for number, layer in enumerate(structure.layers):
        outer = means[number - 1] if number else around
        if layer.label == 0 or palette.is_visible(means[number], outer):
            continue
        if number and structure.layers[number - 1].label == 0:
            # The plane around the object is moved, not the object.
            means[number - 1] = palette.moved_apart(draw, means[number])
        elif not number or structure.layers[number - 1].material != layer.material:
            means[number] = palette.moved_apart(draw, outer)
    return means


def _repeated(
    structure: Structure, textured: tuple[Tissue, ...], repeated: dict[Material, Tissue]
) -> tuple[Tissue, ...]:
    """Tissues with the texture of the ones that they repeat."""
    return tuple(
        replace(repeated[layer.material], mean=tissue.mean) if layer.material in repeated else tissue
        for layer, tissue in zip(structure.layers, textured, strict=True)
    )


def _textured(
    draw: Draw, layers: tuple[Layer, ...], means: list[float], palette: _Palette
) -> tuple[Tissue, ...]:
    """Tissues of these means, with weights for the texture fields."""
    tissues: list[Tissue] = []
    for layer, mean in zip(layers, means, strict=True):
        std = palette.texture_std * (0.4 if layer.material in _CALM else 1.0)
        std = palette.signals.scaled_texture(std, mean)
        weights = [rounded(draw.normal(1.0) * std * _TEXTURE_PROFILE[n]) for n in range(TEXTURES)]
        patched = draw.chance(_PATCHED_SHARE) and layer.material not in _CALM
        tissues.append(
            Tissue(
                mean=mean,
                texture=(weights[0], weights[1], weights[2], weights[3]),
                cluster=rounded(draw.uniform(0.3, 1.2) * std) if patched else 0.0,
            )
        )
    return tuple(tissues)


def _two_tone(structure: Structure, signals: Signals) -> tuple[Tissue, ...]:
    """Contrast off: all labelled layers alike and bright, all others alike and dark, no texture."""
    return tuple(Tissue(mean=signals.bright if layer.label else signals.dark) for layer in structure.layers)
