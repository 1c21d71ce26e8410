"""What crowds a body: all that lies between its organs, in the order in which it is painted."""

from synthfm3d.synthesis.anatomy.bowel import draw_bowels
from synthfm3d.synthesis.anatomy.chains import draw_chain
from synthfm3d.synthesis.anatomy.frame import Frame, Labels
from synthfm3d.synthesis.anatomy.muscles import draw_bundle, draw_muscles
from synthfm3d.synthesis.anatomy.vessels import draw_strands
from synthfm3d.synthesis.draw import Draw
from synthfm3d.synthesis.settings import CrowdSettings
from synthfm3d.synthesis.structures import Structure
from synthfm3d.volume import Modality

_WITH_BUNDLES = ("heart", "free")
_WITH_BOWEL = ("trunk", "abdomen", "pelvis", "free")


def is_crowded(seed: int, place: str | int, modality: Modality, crowd: CrowdSettings) -> bool:
    """Whether a volume is crowded; ultrasound never is."""
    return modality != "us" and Draw(seed, place, "crowd").chance(crowd.share)


def draw_crowd(
    seed: int, place: str | int, frame: Frame, crowd: CrowdSettings, labels: Labels
) -> list[Structure]:
    """Thin vessels in the fat, muscles, bowels and chains, which organs cover."""
    strands = Draw(seed, place, "strands")
    found = draw_strands(strands, frame, strands.whole(*crowd.strands))
    muscles = Draw(seed, place, "muscles")
    if frame.layout in _WITH_BUNDLES:
        for number in range(1, muscles.whole(*crowd.bundles) + 1):
            found += draw_bundle(muscles, frame, crowd, labels, number)
    else:
        found += draw_muscles(muscles, frame, crowd, labels)
    if frame.layout in _WITH_BOWEL:
        found += draw_bowels(Draw(seed, place, "bowels"), frame, crowd, labels)
    chain = Draw(seed, place, "chain")
    if chain.chance(crowd.chain_share):
        found += draw_chain(chain, frame, crowd, labels)
    return found
