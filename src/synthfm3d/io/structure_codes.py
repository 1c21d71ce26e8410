"""DICOM codes of the names of structures.

Only whole names have a code. "liver" has one; "liver tumour" has none, so it keeps the user's words beside
the generic code.
"""

from dataclasses import dataclass
from typing import Any

from pydicom.sr.codedict import codes

_ORGANS = {
    "adrenal gland": codes.SCT.AdrenalGland,
    "bladder": codes.SCT.Bladder,
    "brain": codes.SCT.Brain,
    "breast": codes.SCT.Breast,
    "colon": codes.SCT.Colon,
    "duodenum": codes.SCT.Duodenum,
    "esophagus": codes.SCT.Esophagus,
    "eye": codes.SCT.Eye,
    "gallbladder": codes.SCT.Gallbladder,
    "heart": codes.SCT.Heart,
    "kidney": codes.SCT.Kidney,
    "liver": codes.SCT.Liver,
    "lung": codes.SCT.Lung,
    "ovary": codes.SCT.Ovary,
    "pancreas": codes.SCT.Pancreas,
    "parotid gland": codes.SCT.ParotidGland,
    "prostate": codes.SCT.Prostate,
    "rectum": codes.SCT.Rectum,
    "small intestine": codes.SCT.SmallIntestine,
    "spleen": codes.SCT.Spleen,
    "stomach": codes.SCT.Stomach,
    "testis": codes.SCT.Testis,
    "thymus": codes.SCT.Thymus,
    "thyroid": codes.SCT.Thyroid,
    "trachea": codes.SCT.Trachea,
    "uterus": codes.SCT.Uterus,
}
_PARTS = {
    "aorta": codes.SCT.Aorta,
    "brain stem": codes.SCT.BrainStem,
    "cerebellum": codes.SCT.Cerebellum,
    "femur": codes.SCT.Femur,
    "hippocampus": codes.SCT.Hippocampus,
    "inferior vena cava": codes.SCT.InferiorVenaCava,
    "left atrium": codes.SCT.LeftAtrium,
    "left ventricle": codes.SCT.LeftVentricle,
    "mandible": codes.SCT.Mandible,
    "portal vein": codes.SCT.PortalVein,
    "pulmonary artery": codes.SCT.PulmonaryArtery,
    "right atrium": codes.SCT.RightAtrium,
    "right ventricle": codes.SCT.RightVentricle,
    "spinal cord": codes.SCT.SpinalCord,
    "sternum": codes.SCT.Sternum,
    "superior vena cava": codes.SCT.SuperiorVenaCava,
}
_SYNONYMS = {
    "adrenal": "adrenal gland",
    "adrenal glands": "adrenal gland",
    "brainstem": "brain stem",
    "gall bladder": "gallbladder",
    "ivc": "inferior vena cava",
    "kidneys": "kidney",
    "lungs": "lung",
    "oesophagus": "esophagus",
    "parotid": "parotid gland",
    "postcava": "inferior vena cava",
    "small bowel": "small intestine",
    "svc": "superior vena cava",
    "thyroid gland": "thyroid",
    "urinary bladder": "bladder",
}
_SIDES = {"left": codes.SCT.Left, "right": codes.SCT.Right}
_PAIRED = (
    "adrenal gland",
    "breast",
    "eye",
    "femur",
    "hippocampus",
    "kidney",
    "lung",
    "ovary",
    "parotid gland",
    "testis",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """The category and the type of a structure, and the side of a paired one, if its name contains it."""

    category: Any
    type: Any
    side: Any = None


GENERIC = Coded(category=codes.SCT.SpatialAndRelationalConcept, type=codes.DCM.SelectedRegion)
"""The code of a selected region, for names without a code."""


def coded(name: str) -> Coded:
    """The code of a structure by its whole name, in any case, with blanks or underscores.

    "left kidney", "kidney_left" and "Kidney" are known; "kidney stone" is ``GENERIC``.
    """
    words = name.lower().replace("_", " ").replace("-", " ").split()
    known = _known(" ".join(words))
    if known is not GENERIC:
        return known
    for rest, side in ((words[1:], words[:1]), (words[:-1], words[-1:])):
        word = _SYNONYMS.get(" ".join(rest), " ".join(rest))
        if side and side[0] in _SIDES and word in _PAIRED:
            found = _known(word)
            return Coded(category=found.category, type=found.type, side=_SIDES[side[0]])
    return GENERIC


def _known(name: str) -> Coded:
    name = _SYNONYMS.get(name, name)
    if name in _ORGANS:
        return Coded(category=codes.SCT.Organ, type=_ORGANS[name])
    if name in _PARTS:
        return Coded(category=codes.SCT.AnatomicalStructure, type=_PARTS[name])
    return GENERIC
