"""Volumes to and from the types of TorchIO and MONAI; neither is needed unless it is used.

Both keep (channel, i, j, k) with an affine from (i, j, k) to RAS mm, as NIfTI does.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from synthfm3d.volume import Array, Modality, Volume

if TYPE_CHECKING:
    from monai.data import MetaTensor
    from torchio import Subject

_TURNED = [2, 1, 0, 3]


def to_torchio(image: Volume, labels: Volume | None = None) -> "Subject":
    """A TorchIO ``Subject`` with an ``image``, and ``labels`` if there are any."""
    import torch
    import torchio

    def parts(volume: Volume) -> dict[str, Any]:
        return {"tensor": torch.from_numpy(_channel_first(volume)), "affine": volume.affine[:, _TURNED]}

    members = {"image": torchio.ScalarImage(**parts(image))}
    if labels is not None:
        members["labels"] = torchio.LabelMap(**parts(labels))
    return torchio.Subject(**members)


def from_torchio(subject: "Subject", name: str = "image", modality: Modality | None = None) -> Volume:
    """One image of a TorchIO ``Subject``, which must have a single channel."""
    image = subject[name]
    return _volume(np.asarray(image.data), np.asarray(image.affine), modality)


def to_monai(volume: Volume) -> "MetaTensor":
    """A MONAI ``MetaTensor`` (1, i, j, k) with the volume's affine."""
    import torch
    from monai.data import MetaTensor

    affine = torch.from_numpy(np.ascontiguousarray(volume.affine[:, _TURNED]))
    return MetaTensor(torch.from_numpy(_channel_first(volume)), affine=affine)


def from_monai(tensor: "MetaTensor", modality: Modality | None = None) -> Volume:
    """The volume of a MONAI ``MetaTensor`` (1, i, j, k)."""
    return _volume(tensor.detach().cpu().numpy(), np.asarray(tensor.affine.cpu()), modality)


def _channel_first(volume: Volume) -> Array:
    """(1, i, j, k), in a voxel type that torch and both frameworks know."""
    voxels = volume.voxels
    narrow = {"uint16": np.int32, "uint32": np.int64, "uint64": np.int64, "bool": np.uint8}
    return np.ascontiguousarray(voxels.T, dtype=narrow.get(voxels.dtype.name, voxels.dtype))[None]


def _volume(array: Array, affine: Array, modality: Modality | None) -> Volume:
    if array.ndim != 4 or array.shape[0] != 1:
        raise ValueError(f"one channel of three axes is needed, got shape {array.shape}.")
    return Volume(
        voxels=np.ascontiguousarray(array[0].T),
        affine=np.asarray(affine, np.float64)[:, _TURNED],
        modality=modality,
    )
