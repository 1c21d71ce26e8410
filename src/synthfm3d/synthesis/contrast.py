"""Contrast: which signal every layer gives.

Most volumes draw random mixtures, since appearance randomised beyond realism generalises better than
one tuned to it (Zalevskyi et al., arXiv 2411.06842); the others draw real tissues (``tissues``).
Whatever is drawn, a labelled layer differs from its surroundings by what noise leaves visible.
"""

from collections.abc import Callable
from dataclasses import replace

from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.mr_sequences import draw_sequence, mr_means
from synthfm3d.synthesis.scanner import Acquisition, CtAcquisition, MrAcquisition
from synthfm3d.synthesis.scene import TEXTURES, Anatomy, Contrast, Layer, Material, Structure, Tissue
from synthfm3d.synthesis.settings import ContrastSettings
from synthfm3d.synthesis.tissues import ECHOGENICITY_DB, HOUNSFIELD, HOUNSFIELD_OF_ORGANS, PHASES
from synthfm3d.volume import Modality

_TEXTURE_PROFILE = (0.35, 0.5, 0.7, 0.8)
"""How strong each texture field may be, fine to coarse: sub-clusters are coarse, grain is fine."""
_TEXTURE_PIXELS = (1.0, 2.2, 5.0, 11.0)
"""Correlation lengths of the texture fields, in pixels, before the common factor ``grain``."""
_CALM: frozenset[Material] = frozenset({"blood", "fluid", "gas", "fascia", "skin"})
"""Materials with little texture of their own."""
_VARIED: frozenset[Material] = frozenset(
    {"parenchyma", "medulla", "lesion", "wall", "fluid", "blood", "necrosis", "lung", "gas"}
)
"""Materials whose signal differs from organ to organ; the others are alike all over a body."""
_KEPT_IN_CT: frozenset[Material] = frozenset({"gas", "lung", "cortical bone", "calcium", "marrow", "fat"})
"""Materials that a random mixture of CT leaves as they are: they make its windows."""
_OUTSIDE: dict[Modality, float] = {"ct": -1000.0, "mr": 0.0, "us": 0.01}
_TRIES = 20
"""Draws of a signal before it is moved apart from its surroundings by force."""
_SPECKLE_DB = 5.57
"""Standard deviation of fully developed speckle, whatever its mean: (20 / ln 10) (pi / sqrt(24))."""
_GREY_STD_HU = 4.0
"""Standard deviation of the means of tissues that share a grey."""
_LIKE_SHARE = 0.5
"""Standard deviation of the means of structures that are alike, over the least visible contrast."""
_HALF_DECIBEL = 0.944061
"""10^(-1/40)."""

_PATCHED_SHARE = 0.3
"""Share of layers whose tissue is of two kinds, in patches."""
_SIDES = (" twin", "left ", "right ")
"""What paired organs differ by in their names, and not in their signals."""

Mean = Callable[[Draw, Layer], float]


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
    mixture = draw.chance(settings.mixture_share)
    texture = 0.0 if settings.mode == "off" else _texture_scale(draw, modality, settings)
    grain = draw.log_uniform(*settings.grain)
    mean = _mixture(draw, modality, settings) if mixture else _real_tissues(draw, modality)
    shared = {m: mean(Draw(seed, place, "contrast", m), _layer_of(m)) for m in HOUNSFIELD if m not in _VARIED}
    least = settings.least_contrast * _spread(modality, acquisition, texture)
    by_name = {structure.name: structure for structure in anatomy.structures}

    drawn: dict[str, tuple[Tissue, ...]] = {}
    # What repeats another structure's tissues comes after it, wherever the other is painted.
    for structure in sorted(anatomy.structures, key=lambda structure: structure.like is not None):
        own = Draw(seed, place, "contrast", *_stream_of(structure))
        if settings.mode == "off":
            drawn[structure.name] = _two_tone(structure, modality)
            continue
        around = drawn.get(structure.within or "body")
        outer = around[-1].mean if around else _OUTSIDE[modality]
        if structure.like is None:
            signals = _signals(own, structure, mean, shared, outer, least, modality)
            drawn[structure.name] = _painted(own, structure.layers, signals, modality, texture)
        else:
            host = by_name[structure.like]
            repeated = {
                layer.material: tissue for layer, tissue in zip(host.layers, drawn[host.name], strict=True)
            }
            signals = _like_signals(own, structure, repeated, mean, shared, outer, least, modality)
            painted = _painted(own, structure.layers, signals, modality, texture)
            drawn[structure.name] = _repeated(structure, painted, repeated)
    tissues = [drawn[structure.name] for structure in anatomy.structures]
    fields = tuple(rounded(pixels * grain * pixel_mm) for pixels in _TEXTURE_PIXELS)
    return Contrast(
        kind="mixture" if mixture else "tissues",
        outside=Tissue(mean=_OUTSIDE[modality]),
        tissues=tuple(tissues),
        texture_mm=(fields[0], fields[1], fields[2], fields[3]),
    )


def _layer_of(material: Material) -> Layer:
    return Layer(name=material, depth_mm=0.0, label=0, material=material)


def _stream_of(structure: Structure) -> tuple[str, ...]:
    """Name of a structure's stream: organs that are paired, and of the same materials, share it."""
    return _paired_name(structure.name), *(layer.material for layer in structure.layers)


def _paired_name(name: str) -> str:
    for side in _SIDES:
        name = name.replace(side, "")
    return name


def _texture_scale(draw: Draw, modality: Modality, settings: ContrastSettings) -> float:
    if modality == "ct":
        return draw.log_uniform(*settings.ct_texture_hu)
    return draw.log_uniform(*(settings.mr_texture if modality == "mr" else settings.us_texture))


def _real_tissues(draw: Draw, modality: Modality) -> Mean:
    """Means of real tissues: all materials of a volume by one phase, sequence or machine."""
    if modality == "mr":
        table = mr_means(draw, draw_sequence(draw))
        return lambda own, layer: rounded(table[layer.material] * own.log_uniform(0.85, 1.18))
    if modality == "ct":
        phase = draw.pick(PHASES)

        def hounsfield(own: Draw, layer: Layer) -> float:
            organ = HOUNSFIELD_OF_ORGANS.get(_paired_name(layer.name))
            if layer.depth_mm > 0 or layer.material not in ("parenchyma", "blood"):
                organ = None
            return own.uniform(*(organ or HOUNSFIELD[layer.material])[phase])

        return hounsfield
    return lambda own, layer: _amplitude(own.uniform(*ECHOGENICITY_DB[layer.material]))


def _mixture(draw: Draw, modality: Modality, settings: ContrastSettings) -> Mean:
    """Random means: in a window of CT, over a part of the MR scale, over decibels in ultrasound."""
    if modality == "mr":
        span = draw.uniform(0.45, 1.0)
        base = draw.uniform(span / 2, 1.05 - span / 2)
        low, high = max(0.02, base - span / 2), base + span / 2

        def signal(own: Draw, layer: Layer) -> float:
            return own.uniform(0.0, 0.05) if layer.material == "gas" else own.uniform(low, high)

        return signal
    if modality == "ct":
        centre, width = draw.uniform(0.0, 120.0), draw.log_uniform(120.0, 500.0)
        palette = draw.apart("greys")
        greys = [
            palette.uniform(centre - width / 2, centre + width / 2)
            for _ in range(palette.whole(*settings.ct_greys))
        ]

        def hounsfield(own: Draw, layer: Layer) -> float:
            if layer.material in _KEPT_IN_CT:
                return own.uniform(*HOUNSFIELD[layer.material]["plain"])
            if greys:
                return rounded(own.pick(greys) + own.normal(_GREY_STD_HU))
            return own.uniform(centre - width / 2, centre + width / 2)

        return hounsfield

    def amplitude(own: Draw, layer: Layer) -> float:
        low, high = ECHOGENICITY_DB[layer.material]
        return _amplitude(own.uniform(low - 6.0, high + 6.0))

    return amplitude


def _amplitude(decibel: float) -> float:
    return rounded(10.0 ** (decibel / 20.0))


def _spread(modality: Modality, acquisition: Acquisition, texture: float) -> float:
    """Standard deviation inside a tissue, from noise and texture; for ultrasound in decibels."""
    match acquisition:
        case CtAcquisition(noise_hu=noise):
            return float((noise * noise + texture * texture) ** 0.5)
        case MrAcquisition(noise=noise):
            return float((noise * noise + texture * texture) ** 0.5)
        case _:
            return _SPECKLE_DB


def _signals(
    draw: Draw,
    structure: Structure,
    mean: Mean,
    shared: dict[Material, float],
    around: float,
    least: float,
    modality: Modality,
) -> list[float]:
    """One mean per layer, each visibly different from what lies around it."""
    signals: list[float] = []
    for number, layer in enumerate(structure.layers):
        outer = signals[-1] if signals else around
        same = number > 0 and layer.material == structure.layers[number - 1].material
        signal = outer if same else shared.get(layer.material)
        for _ in range(_TRIES):
            if signal is not None and (same or _contrast(signal, outer, modality) >= least):
                break
            signal = mean(draw, layer)
        assert signal is not None
        if not same and _contrast(signal, outer, modality) < least:
            signal = _moved_apart(draw, outer, least, modality)
        signals.append(signal)
    return signals


def _like_signals(
    draw: Draw,
    structure: Structure,
    repeated: dict[Material, Tissue],
    mean: Mean,
    shared: dict[Material, float],
    around: float,
    least: float,
    modality: Modality,
) -> list[float]:
    """Means near those of another structure's tissues; only labelled layers differ visibly from around."""
    signals: list[float] = []
    for layer in structure.layers:
        if layer.material in repeated:
            shift = draw.normal(_LIKE_SHARE * least) if modality != "us" else 0.0
            signals.append(rounded(repeated[layer.material].mean + shift))
        else:
            known = shared.get(layer.material)
            signals.append(mean(draw, layer) if known is None else known)
    for number, layer in enumerate(structure.layers):
        outer = signals[number - 1] if number else around
        if layer.label == 0 or _contrast(signals[number], outer, modality) >= least:
            continue
        if number and structure.layers[number - 1].label == 0:  # the plane around it moves, not the object
            signals[number - 1] = _moved_apart(draw, signals[number], least, modality)
        elif not number or structure.layers[number - 1].material != layer.material:
            signals[number] = _moved_apart(draw, outer, least, modality)
    return signals


def _repeated(
    structure: Structure, painted: tuple[Tissue, ...], repeated: dict[Material, Tissue]
) -> tuple[Tissue, ...]:
    """Tissues with the texture of the ones that they repeat."""
    return tuple(
        replace(repeated[layer.material], mean=tissue.mean) if layer.material in repeated else tissue
        for layer, tissue in zip(structure.layers, painted, strict=True)
    )


def _contrast(signal: float, around: float, modality: Modality) -> float:
    """Difference of two means: of HU, of MR magnitudes, of decibels (6 dB per factor of two)."""
    if modality == "ct":
        return abs(signal - around)
    if modality == "mr":
        return abs(abs(signal) - abs(around))
    high, low = max(signal, around, 1e-4), max(min(signal, around), 1e-4)
    steps = 0.0
    while high > low:  # an integer count of 0.5 dB steps, the same on every machine
        high *= _HALF_DECIBEL
        steps += 0.5
    return steps


def _moved_apart(draw: Draw, around: float, least: float, modality: Modality) -> float:
    """A mean just visible against its surroundings, brighter or darker."""
    margin = 1.2 * least
    if modality == "us":
        return rounded(around * 10.0 ** ((margin if draw.chance(0.5) else -margin) / 20.0))
    around = abs(around) if modality == "mr" else around
    darker = around - margin
    if draw.chance(0.5) and not (modality == "mr" and darker < 0):
        return rounded(darker)
    return rounded(around + margin)


def _painted(
    draw: Draw, layers: tuple[Layer, ...], signals: list[float], modality: Modality, texture: float
) -> tuple[Tissue, ...]:
    tissues: list[Tissue] = []
    for layer, signal in zip(layers, signals, strict=True):
        scale = texture * (0.4 if layer.material in _CALM else 1.0)
        scale *= signal if modality == "us" else 1.0
        weights = [rounded(draw.normal(1.0) * scale * _TEXTURE_PROFILE[n]) for n in range(TEXTURES)]
        patched = draw.chance(_PATCHED_SHARE) and layer.material not in _CALM
        tissues.append(
            Tissue(
                mean=signal,
                texture=(weights[0], weights[1], weights[2], weights[3]),
                cluster=rounded(draw.uniform(0.3, 1.2) * scale) if patched else 0.0,
            )
        )
    return tuple(tissues)


def _two_tone(structure: Structure, modality: Modality) -> tuple[Tissue, ...]:
    """Contrast off: all labelled layers alike and bright, all others alike and dark, no texture."""
    bright, dark = {"ct": (150.0, 0.0), "mr": (0.8, 0.3), "us": (0.3, 0.1)}[modality]
    return tuple(Tissue(mean=bright if layer.label else dark) for layer in structure.layers)
