"""Settings of the synthesis: the range of every parameter, grouped by the four axes of variability.

Settings are data: a preset is one of these objects, and YAML can be read into them. Each axis can vary from
volume to volume (``drawn``), be drawn once for a seed and kept (``fixed``), or be reduced to the simplest
case (``off``), so that an ablation is one setting. Settings of one modality are defined in the module of that
modality, and are here in the groups ``ct``, ``mr`` and ``us``.
"""

from dataclasses import dataclass
from typing import Literal

from synthfm3d.synthesis.anatomy.shapes import FamilyShares
from synthfm3d.synthesis.ct import CtBoundarySettings, CtContrastSettings, CtNoiseSettings
from synthfm3d.synthesis.draw import Range, check_ranges, check_ratios
from synthfm3d.synthesis.modality import GreySettings
from synthfm3d.synthesis.mr import MrContrastSettings, MrNoiseSettings
from synthfm3d.synthesis.ultrasound import UltrasoundContrastSettings, UltrasoundNoiseSettings
from synthfm3d.volume import MODALITIES, Modality, ThirdAxis

MOST_ORGANS = 40
"""With walls, twins, lesions, bones and vessels, more could need more labels than a byte holds."""
Mode = Literal["drawn", "fixed", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutShares:
    """How often each layout is drawn; only ratios matter.

    Ultrasound has no chest or pelvis: there the shares of these two are added to trunk and abdomen.
    """

    trunk: float = 0.125
    abdomen: float = 0.125
    heart: float = 0.12
    head: float = 0.13
    chest: float = 0.125
    pelvis: float = 0.125
    free: float = 0.25

    def __post_init__(self) -> None:
        check_ratios(self, "layout")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdSettings:
    """Structures between the organs of CT and MR that are hard to distinguish from a target.

    Most soft tissues have nearly the same signal. They are separated by planes of fat or fascia one voxel
    wide, or by their shapes only, and many objects repeat along the body. Ultrasound volumes are never
    crowded.

    Parameters
    ----------
    share
        Share of volumes that are crowded. In the others the ranges below mean nothing.
    fillers
        Unlabelled lumps, in place of ``AnatomySettings.fillers``.
    bundles
        Bundles of muscles in fields of view inside the body; whole bodies have muscles in their places.
    bowels, bowel_tubes
        Bowels, each a chain of loops or of segments, and the tubes or segments of each.
    chain_share
        Share of volumes with a chain of separate, like objects (bodies have a spine besides).
    like_share
        Share of organs and vessels that touch an object of nearly the same signal.
    plane_share, plane_pixels
        Share of these that a thin plane of fat parts from it, and the width of such planes.
    strands
        Trees of thin vessels in the fat.
    labelled_share
        Share of muscles, bowels, chains and neighbours that are labelled, and so may be targets.
    """

    share: float = 0.85
    fillers: tuple[int, int] = (0, 2)
    bundles: tuple[int, int] = (1, 3)
    bowels: tuple[int, int] = (1, 3)
    bowel_tubes: tuple[int, int] = (5, 12)
    chain_share: float = 0.3
    like_share: float = 0.5
    plane_share: float = 0.6
    plane_pixels: Range = (0.6, 1.8)
    strands: tuple[int, int] = (1, 3)
    labelled_share: float = 0.4

    def __post_init__(self) -> None:
        check_ranges(
            self,
            positive=("plane_pixels", "bowel_tubes"),
            fillers=60,
            bundles=8,
            bowels=8,
            bowel_tubes=30,
            strands=8,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnatomySettings:
    """First axis. Lengths without a unit are shares of the smaller in-plane field of view.

    Parameters
    ----------
    organs
        Fewest and most organs of trunk, head and free layouts; up to twice as many in a stack that is
        deeper than it is wide. The abdomen and the heart have organs of their own, and over time there
        is the heart alone: of the settings below only ``shape_noise`` and ``warp`` reach it there.
    size, large_size, large_share
        Mean radius of organs; and, for this share of volumes, of one large organ.
    roughness
        Amplitude of the coarse shape noise over the organ's smallest semi-axis, log-uniform.
    touching_share
        Share of organs placed against another one.
    neighbourhood_share
        Share of volumes whose organs share the space between them (power diagram).
    gap_share, gap_mm
        Share of such organs with a fat plane around them, and its width.
    wall_share, twin_share, distractor_share, lesion_share
        Share of organs with a wall around a content, with a mirrored twin, without a label, with
        lesions.
    fillers, trunks, trees
        Unlabelled lumps between organs, vessels through the slices, vessel trees.
    sheet_share
        Share of volumes with one to three thin sheets such as a diaphragm or a fascia.
    shape_noise
        Correlation length of the coarse shape noise, log-uniform; the fine one's is 0.4 of it.
    warp
        Standard deviation of the smooth displacement of everything.
    crowd
        Structures between the organs of CT and MR volumes.
    """

    mode: Mode = "drawn"
    layouts: LayoutShares = LayoutShares()
    families: FamilyShares = FamilyShares()
    organs: tuple[int, int] = (8, 14)
    size: Range = (0.04, 0.2)
    large_size: Range = (0.18, 0.3)
    large_share: float = 0.35
    roughness: Range = (0.04, 0.35)
    touching_share: float = 0.6
    neighbourhood_share: float = 0.7
    gap_share: float = 0.4
    gap_mm: Range = (0.5, 3.0)
    wall_share: float = 0.35
    twin_share: float = 0.12
    distractor_share: float = 0.15
    lesion_share: float = 0.15
    fillers: tuple[int, int] = (4, 18)
    trunks: tuple[int, int] = (1, 2)
    trees: tuple[int, int] = (1, 2)
    sheet_share: float = 0.4
    shape_noise: Range = (0.03, 0.1)
    warp: Range = (0.005, 0.03)
    crowd: CrowdSettings = CrowdSettings()

    def __post_init__(self) -> None:
        check_ranges(
            self,
            positive=("organs", "size", "large_size", "roughness", "shape_noise"),
            organs=MOST_ORGANS,
            trunks=20,
            trees=20,
            fillers=60,
            size=2,
            large_size=2,
            warp=0.2,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastSettings:
    """Second axis: the signals of tissues.

    Parameters
    ----------
    mixture_share
        Share of volumes with random mixtures of signals instead of those of real tissues.
    grain
        Factor on the correlation lengths of textures, log-uniform.
    least_contrast
        Smallest difference between an organ and its surroundings, in standard deviations of noise
        and texture.
    ct, mr, us
        Settings of one modality.
    """

    mode: Mode = "drawn"
    mixture_share: float = 0.7
    grain: Range = (0.7, 1.6)
    least_contrast: float = 0.8
    ct: CtContrastSettings = CtContrastSettings()
    mr: MrContrastSettings = MrContrastSettings()
    us: UltrasoundContrastSettings = UltrasoundContrastSettings()

    def __post_init__(self) -> None:
        check_ranges(self, positive=("grain",), least_contrast=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundarySettings:
    """Third axis: how sharp boundaries are.

    Parameters
    ----------
    thickness
        Slice thickness over slice distance.
    averaged_share
        Share of volumes with slices over 2.5 pixels apart whose slices are averages of three thinner ones.
    psf_pixels
        Standard deviation of the point spread in the plane, in pixels, log-uniform.
    shield_share, shield_pixels
        Share of volumes (not ultrasound) whose texture fades out at boundaries, and over what width.
    fade_share, fade
        Share of volumes whose boundaries fade in places (of CT: ``ct.fade_share``), and by what factor
        they widen there.
    rim_share, rim
        Share of volumes with bright or dark rims, and their height over the local contrast.
    ct
        Settings of CT.
    """

    mode: Mode = "drawn"
    thickness: Range = (0.8, 1.3)
    averaged_share: float = 0.1
    psf_pixels: Range = (0.35, 1.1)
    shield_share: float = 0.7
    shield_pixels: Range = (2.0, 4.0)
    fade_share: float = 0.4
    fade: Range = (1.0, 6.0)
    rim_share: float = 0.2
    rim: Range = (-0.5, 0.6)
    ct: CtBoundarySettings = CtBoundarySettings()

    def __post_init__(self) -> None:
        check_ranges(self, positive=("psf_pixels",), signed=("rim",))
        if not -1 <= self.rim[0] <= self.rim[1] <= 1:
            raise ValueError(f"rim must lie between -1 and 1, got {self.rim}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseSettings:
    """Fourth axis: noise and acquisition.

    Parameters
    ----------
    ct, mr, us
        Scanner of each modality.
    grey
        Grey curves of MR and ultrasound.
    """

    mode: Mode = "drawn"
    ct: CtNoiseSettings = CtNoiseSettings()
    mr: MrNoiseSettings = MrNoiseSettings()
    us: UltrasoundNoiseSettings = UltrasoundNoiseSettings()
    grey: GreySettings = GreySettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisSettings:
    """What volumes to draw.

    Parameters
    ----------
    shape
        Voxels along (z, y, x).
    modalities
        One is drawn for each volume, all equally likely.
    third_axis
        ``"time"``: a beating heart in one plane, slices are frames; layouts and families of organs have no
        effect then.
    pixel_mm, anisotropy
        In-plane voxel size, and slice distance over it (at most 10 mm); both log-uniform. CT and MR of
        a trunk, an abdomen or a head take the pixel within the range that brings the field of view
        closest to such a body's.
    anatomy, contrast, boundary, noise
        The four axes.
    """

    shape: tuple[int, int, int] = (64, 192, 192)
    modalities: tuple[Modality, ...] = MODALITIES
    third_axis: ThirdAxis = "space"
    pixel_mm: Range = (0.5, 2.0)
    anisotropy: Range = (1.0, 8.0)
    anatomy: AnatomySettings = AnatomySettings()
    contrast: ContrastSettings = ContrastSettings()
    boundary: BoundarySettings = BoundarySettings()
    noise: NoiseSettings = NoiseSettings()

    def __post_init__(self) -> None:
        if self.shape[0] < 1 or min(self.shape[1:]) < 8 or max(self.shape) > 4096:
            raise ValueError(
                f"shape must be 1 to 4096 slices of 8 to 4096 pixels along each edge, got {self.shape}."
            )
        unknown = [m for m in self.modalities if m not in MODALITIES]
        if unknown or not self.modalities:
            raise ValueError(f"modalities must be some of {', '.join(MODALITIES)}, got {self.modalities}.")
        for name in ("pixel_mm", "anisotropy"):
            low, high = getattr(self, name)
            if not 1e-3 <= low <= high <= 1e3:
                raise ValueError(f"{name} must be a range within 0.001 and 1000, got ({low}, {high}).")
