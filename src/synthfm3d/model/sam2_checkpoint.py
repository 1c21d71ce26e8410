"""Reading and writing weights of SAM 2, in all formats that are in use, and the model card beside them.

The formats are: ``.pt`` files of Meta (2.0 and 2.1) and of MedSAM2, folders and names of the Hugging Face
hub, and runs of this package. Loading is strict: a missing weight is an error.
"""

import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from transformers import Sam2VideoConfig
from transformers.utils import cached_file

from synthfm3d.errors import InputError
from synthfm3d.files import write_atomically
from synthfm3d.model.interface import WEIGHTS_FILE
from synthfm3d.model.sam2 import Sam2Network
from synthfm3d.model.sam2_configuration import configuration_of, set_image_size
from synthfm3d.model.sam2_names import from_meta, has_meta_names, to_meta
from synthfm3d.model.sam2_sizes import SIZES, Sam2Settings, SizeName, Version

CONFIGURATION_FILE = "config.json"
MODEL_TYPE = "sam2_video"
_OFFICIAL_IMAGE_SIZE = 1024
_MEDSAM2_IMAGE_SIZE = 512


class UnsafeCheckpointError(InputError):
    """A file that would run code when it is read."""


class DamagedCheckpointError(InputError):
    """A file that ends early or was changed on its way."""


class MismatchedCheckpointError(InputError):
    """Weights of another model, or of another size."""


def split_image_size(name: str) -> tuple[str, int | None]:
    """``"path@512"`` as ``("path", 512)``: any model, at another size of the image."""
    found = re.fullmatch(r"(.+)@(\d+)", name)
    return (found[1], int(found[2])) if found else (name, None)


def is_folder_of_sam2(path: Path) -> bool:
    """Whether a folder holds a SAM 2 in the layout of transformers."""
    try:
        stored = json.loads((path / CONFIGURATION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(stored, dict) and stored.get("model_type") in (MODEL_TYPE, "sam2")


def read_folder(path: Path, image_size: int | None = None) -> Sam2Network:
    """The network of a folder with ``config.json`` and ``model.safetensors``, at its own or another size."""
    configuration = Sam2VideoConfig.from_pretrained(path)
    return _loaded(configuration, _read_safetensors(path / WEIGHTS_FILE), str(path), image_size)


def hub_files(name: str) -> Path:
    """The folder into which the files of a model of the Hugging Face hub were downloaded."""
    try:
        files = [cached_file(name, file) for file in (CONFIGURATION_FILE, WEIGHTS_FILE)]
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{name}: neither a file here nor a model of the Hugging Face hub that can be had ({reason}): "
            "check the name and the network, or download its config.json and model.safetensors and give "
            "their folder."
        ) from error
    return Path(str(files[0])).parent


def read_pt(path: Path, image_size: int | None = None) -> Sam2Network:
    """The network of a ``.pt`` file of Meta, of MedSAM2, or of anyone who kept Meta's names.

    The weights determine size and version, but not the size of the image: it is 512 where the file is
    named after MedSAM2, else 1024, unless given.
    """
    weights = _weights_of(_read_pickle(path), path)
    if has_meta_names(weights):
        weights = from_meta(weights)
    size = _size_of(weights, str(path))
    version: Version = "2.1" if "occlusion_spatial_embedding_parameter" in weights else "2.0"
    if image_size is None:
        of_medsam2 = re.search("med.?sam.?2", path.name, re.IGNORECASE)
        image_size = _MEDSAM2_IMAGE_SIZE if of_medsam2 else _OFFICIAL_IMAGE_SIZE
    settings = Sam2Settings(size=size, image_size=image_size, version=version)
    return _loaded(configuration_of(settings), weights, str(path), None)


def write_pt(path: Path, network: Sam2Network) -> None:
    """Write a ``.pt`` file that Meta's own code reads: ``{"model": state_dict}`` under its names."""
    torch.save({"model": to_meta(network.sam.state_dict())}, path)


def write_folder(folder: Path, network: Sam2Network, card: str) -> None:
    """A folder that ``read_folder`` and transformers read: weights, configuration, model card.

    Each file is there whole or not at all, the weights last. Raises InputError where the folder cannot be
    written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stored = network.configuration.to_dict() | {"architectures": ["Sam2VideoModel"]}
    configuration = json.dumps(stored, indent=2, sort_keys=True, default=str)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.sam.state_dict().items()}
    for name, text in ((CONFIGURATION_FILE, configuration), ("README.md", card)):
        write_atomically(folder / name, f"{text}\n".encode())
    write_atomically(folder / WEIGHTS_FILE, save(weights, {"format": "pt"}))


def _loaded(
    configuration: Sam2VideoConfig, weights: Mapping[str, Tensor], where: str, image_size: int | None
) -> Sam2Network:
    if image_size is not None:
        set_image_size(configuration, image_size)
    network = Sam2Network(configuration)
    wanted = network.sam.state_dict()
    missing = sorted(set(wanted) - set(weights))
    unknown = sorted(set(weights) - set(wanted))
    shapes = [
        f"{name} is {tuple(weights[name].shape)} instead of {tuple(wanted[name].shape)}"
        for name in wanted
        if name in weights and weights[name].shape != wanted[name].shape
    ]
    if missing or unknown or shapes:
        problems = [_few("missing", missing), _few("unknown", unknown), _few("of another size", shapes)]
        raise MismatchedCheckpointError(
            f"{where}: does not fit its size of SAM 2: {'; '.join(p for p in problems if p)}. It is of "
            "another or of a changed model: give the file as its authors published it, or a folder with a "
            "config.json that describes it."
        )
    network.sam.load_state_dict(weights)
    return network.eval()


def _few(what: str, names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} {what} ({', '.join(names[:3])}{more})" if names else ""


def _size_of(weights: Mapping[str, Tensor], where: str) -> SizeName:
    """The size whose width, depth and hidden width the weights have."""
    first = weights.get("vision_encoder.backbone.patch_embed.projection.weight")
    empty = weights.get("no_memory_embedding")
    if first is None or empty is None:
        raise MismatchedCheckpointError(
            f"{where}: has no weights of SAM 2's encoder or memory (patch_embed, no_mem_embed): give a "
            "checkpoint of SAM 2, SAM 2.1 or MedSAM2."
        )
    blocks = {
        int(m[1]) for name in weights if (m := re.match(r"vision_encoder\.backbone\.blocks\.(\d+)\.", name))
    }
    shape = (first.shape[0], len(blocks), empty.shape[-1])
    for name, size in SIZES.items():
        if shape == (size.widths[0], sum(size.blocks), size.hidden):
            return name
    known = "; ".join(f"{n}: {s.widths[0]}, {sum(s.blocks)}, {s.hidden}" for n, s in SIZES.items())
    raise MismatchedCheckpointError(
        f"{where}: patch_embed is {shape[0]} wide, with {shape[1]} encoder blocks and hidden width "
        f"{shape[2]}, which is no size of SAM 2 ({known}): give a checkpoint of one of them."
    )


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # For pickle protocols other than torch's; files that cannot be read are refused below.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if "weights_only" in str(error).lower() or "Unsupported" in str(error):
            raise UnsafeCheckpointError(
                f"{path}: holds more than weights, and reading it could run code ({_global_of(error)}): take "
                'the weights out where you trust it, torch.save({"model": model.state_dict()}, "new.pt").'
            ) from error
        raise DamagedCheckpointError(
            f"{path}: is no checkpoint of torch ({error}): download it again."
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise DamagedCheckpointError(
            f"{path}: is damaged or cut short ({type(error).__name__}): download it again."
        ) from error


def _global_of(error: UnpicklingError) -> str:
    """What the file asked for, such as ``os.system``."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    return found[1] if found else "an object that is no tensor"


def _weights_of(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dictionary in a file's content: under ``model``, ``state_dict``, or bare."""
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if (
        not isinstance(content, dict)
        or not all(isinstance(v, Tensor) for v in content.values())
        or not content
    ):
        raise MismatchedCheckpointError(
            f'{path}: holds no weights: a dictionary of tensors is needed, or one under "model".'
        )
    return {str(name).removeprefix("module."): tensor.float() for name, tensor in content.items()}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 not a dict
    except (SafetensorError, OSError) as error:
        raise DamagedCheckpointError(
            f"{path}: is missing, damaged or cut short ({error}): download it again."
        ) from error


def model_card(name: str, record: Mapping[str, Any]) -> str:
    """Markdown in the form that the Hugging Face hub reads.

    Parameters
    ----------
    record
        The record of the training (``training.record``): versions, seed, steps, ``config``, ``metrics``.
    """
    start = record.get("started_from")
    origin = "trained from random weights"
    if start:
        origin = f"fine-tuned from `{start['name']}` (SHA-256 {start['sha256']}…)"
    metrics = record.get("metrics") or {}
    rows = "\n".join(f"| {what} | {value} |" for what, value in sorted(metrics.items()))
    table = f"| on held-out synthetic volumes | |\n|---|---|\n{rows}\n" if rows else "None was measured.\n"
    recipe = yaml.safe_dump(_plain(record.get("config", {})), sort_keys=False)
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: mask-generation
tags: [medical-imaging, segmentation, promptable-segmentation, synthetic-data, sam2]
---
# {name}

SAM 2 for volumes of medical images, {origin} on synthetic volumes only: no real image was used in this
training. Slices are its frames. Research software, not a medical device.

- Data: volumes of SynthFM-3D {record.get("synthfm3d")}, generator version {record.get("generator_version")},
  seed {record.get("seed")}, rendered while it was trained.
- Steps: {record.get("steps")}, in {record.get("hours")} hours.
- Licence: Apache-2.0, as are the weights of SAM 2.

## How good it is

{table}
Dice on real scans depends on the scan: measure it with `synthfm3d evaluate`.

## Use

```
synthfm3d segment scan.nii.gz --point 61,44,80 --model THIS_FOLDER -o mask.nii.gz
```

## Recipe

```yaml
{recipe}```"""


def _plain(value: Any) -> Any:
    """Tuples as lists, which plain YAML knows."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
