"""Models by name: the default model, a run of this package, SAM 2 from any source, or no weights."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from synthfm3d.errors import InputError
from synthfm3d.files import write_atomically
from synthfm3d.model.grow_cut import GrowCut
from synthfm3d.model.interface import WEIGHTS_FILE, PromptableModel
from synthfm3d.model.random_walker import RandomWalker
from synthfm3d.model.sam2_checkpoint import (
    hub_files,
    is_folder_of_sam2,
    read_folder,
    read_pt,
    split_image_size,
)
from synthfm3d.model.sam2_model import Sam2Model
from synthfm3d.model.view_judge import ViewJudge, read_judge
from synthfm3d.model.volumetric import VolumetricConfig, VolumetricModel, VolumetricNetwork

WITHOUT_WEIGHTS: dict[str, Callable[[], PromptableModel]] = {
    "random-walker": RandomWalker,
    "grow-cut": GrowCut,
}
"""Classical methods behind the interface of a model, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyOfWeights:
    """How the weights of a family of models are recognised and loaded.

    Parameters
    ----------
    recognises
        Whether a ``.safetensors``, ``.pt`` or ``.pth`` file is of this family, from its metadata or from the
        files beside it. It does not read the weights.
    load
        The model of a file: from its path, the name that results are to print, the device, and the size of
        the image after ``@`` in the name (None: its own). Raises InputError where the file cannot be used.
    has_image_size
        Whether the model runs at another size of the image.
    """

    recognises: Callable[[Path], bool]
    load: Callable[[Path, str, torch.device, int | None], PromptableModel]
    has_image_size: bool = False


_FORMAT = "synthfm3d-volumetric-4"
_FORMER_FORMATS = "synthfm3d-volumetric-"
_DEFAULT = Path(str(files("synthfm3d.model"))) / "weights" / "nano.safetensors"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def choose_device(name: str) -> torch.device:
    """``"auto"`` is CUDA, then Apple's MPS, then the CPU; other names are torch's own."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r} cannot be used here ({error}); try --device cpu.") from error
    return device


def load_model(name: str = "default", device: str = "auto") -> PromptableModel:
    """A model ready to segment.

    Parameters
    ----------
    name
        ``"default"`` (ships with the package), ``"random-walker"`` or ``"grow-cut"`` (no weights), a run
        folder of ``synthfm3d train``, or a ``.safetensors`` file of one. SAM 2: a folder in the layout of
        transformers, a name of the Hugging Face hub such as ``"facebook/sam2.1-hiera-tiny"``, a ``.pt`` file
        of Meta (2.0 or 2.1) or of MedSAM2; followed by ``"@512"``, at this size of the image.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.

    Raises
    ------
    InputError
        If there is no such model, or its file is not one of ours.
    """
    path = weights_path(name)
    plain, image_size = split_image_size(name)
    place = choose_device(device)
    if path is None:
        _check_runs_at(image_size, name, False)
        return WITHOUT_WEIGHTS[plain]()
    family = _family_of(path)
    _check_runs_at(image_size, name, family.has_image_size)
    return family.load(path, Path(plain).name, place, image_size)


def _check_runs_at(image_size: int | None, name: str, has_image_size: bool) -> None:
    if image_size is not None and not has_image_size:
        raise InputError(f"{name}: only SAM 2 runs at another size: leave out @{image_size}.")


def weights_path(name: str) -> Path | None:
    """The weights file of a model by name (see ``load_model``), None for one without weights."""
    plain, _ = split_image_size(name)
    if plain in WITHOUT_WEIGHTS:
        return None
    if plain == "default":
        return _DEFAULT
    path = Path(plain)
    if path.is_dir():
        path = path / WEIGHTS_FILE
    elif _HUB_NAME.fullmatch(str(path)) and not path.exists() and not path.parent.exists():
        path = hub_files(str(path)) / WEIGHTS_FILE
    if not path.is_file() or path.suffix not in (".safetensors", ".pt", ".pth"):
        raise InputError(
            f"{name}: no such model; give default, {', '.join(WITHOUT_WEIGHTS)}, a run folder with "
            f"{WEIGHTS_FILE}, a .safetensors or .pt file, or a name of the Hugging Face hub such as "
            "facebook/sam2.1-hiera-tiny."
        )
    return path


def judge_path(path: Path) -> Path:
    """Path of the judge of views of a weights file, which is beside it."""
    return path.with_name(f"{path.stem}.judge.safetensors")


def _judge_beside(path: Path) -> ViewJudge | None:
    """The judge of a weights file; the one that ships with the package, if it has none of its own."""
    for weights in (path, _DEFAULT):
        if judge_path(weights).is_file():
            return read_judge(judge_path(weights))
    return None


def read_network(path: Path) -> tuple[VolumetricNetwork, dict[str, Any]]:
    """The network of a weights file, on the CPU in float32, and the record of its training in the file."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 not a dict
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable .safetensors file ({error}).") from error
    if metadata.get("format") != _FORMAT and metadata.get("format", "").startswith(_FORMER_FORMATS):
        raise InputError(
            f"{path}: weights of an earlier version of this package, whose network was another; "
            "train it again, or install that version."
        )
    if metadata.get("format") != _FORMAT:
        raise InputError(f"{path}: not weights of a volumetric model of this package.")
    stored = json.loads(metadata["config"])
    network = VolumetricNetwork(
        VolumetricConfig(widths=tuple(stored["widths"]), grid_shape=tuple(stored["grid_shape"]))
    )
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path}: its weights do not fit its own configuration ({error}).") from error
    return network, json.loads(metadata["training"])


def training_record(path: Path) -> dict[str, Any]:
    """The record of the training in a weights file of this package; empty for other files."""
    if path.suffix != ".safetensors":
        return {}
    metadata = _metadata_of(path)
    record: dict[str, Any] = json.loads(metadata.get("training", "{}"))
    return record


def _metadata_of(path: Path) -> dict[str, str]:
    """The metadata of a ``.safetensors`` file, without its weights; InputError if it cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable .safetensors file ({error}).") from error


def write_network(path: Path, network: VolumetricNetwork, training: dict[str, Any]) -> None:
    """Weights in float16 with the configuration and a record of the training, whole or not at all.

    Raises InputError where the file cannot be written.
    """
    weights = {key: value.detach().half().cpu().contiguous() for key, value in network.state_dict().items()}
    metadata = {
        "format": _FORMAT,
        "config": json.dumps(asdict(network.config)),
        "training": json.dumps(training, sort_keys=True),
    }
    write_atomically(path, save(weights, metadata))


def _load_sam2(path: Path, name: str, device: torch.device, image_size: int | None) -> PromptableModel:
    try:
        if path.suffix == ".safetensors":
            network = read_folder(path.parent, image_size)
        else:
            network = read_pt(path, image_size)
    except ValueError as error:
        raise error if isinstance(error, InputError) else InputError(f"{path}: {error}") from error
    return Sam2Model(network, name, device)


def _load_volumetric(path: Path, name: str, device: torch.device, image_size: int | None) -> PromptableModel:
    network, _ = read_network(path)
    return VolumetricModel(network, name, device, _judge_beside(path))


def _is_sam2(path: Path) -> bool:
    """Whether weights are those of SAM 2; all ``.pt`` files are read as such."""
    return path.suffix != ".safetensors" or is_folder_of_sam2(path.parent)


def _is_volumetric(path: Path) -> bool:
    return path.suffix == ".safetensors" and _metadata_of(path).get("format", "").startswith(_FORMER_FORMATS)


FAMILIES_OF_WEIGHTS: dict[str, FamilyOfWeights] = {
    "SAM 2": FamilyOfWeights(recognises=_is_sam2, load=_load_sam2, has_image_size=True),
    "volumetric": FamilyOfWeights(recognises=_is_volumetric, load=_load_volumetric),
}
"""Families of models with weights, by the name that errors use. A new family is one more entry.

The first family that recognises a file loads it."""


def _family_of(path: Path) -> FamilyOfWeights:
    """The family whose weights a file holds."""
    for family in FAMILIES_OF_WEIGHTS.values():
        if family.recognises(path):
            return family
    known = ", ".join(FAMILIES_OF_WEIGHTS)
    raise InputError(f"{path}: not weights of a model that is known here ({known}).")


def weights_hash(path: Path) -> str:
    """First 12 hexadecimal digits of the file's SHA-256, by which results name a model."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
