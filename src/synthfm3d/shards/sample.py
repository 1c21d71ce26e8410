"""One volume as three members of a shard, and back.

``KEY.image.blosc2`` int16 (z, y, x) and ``KEY.labels.blosc2`` uint8 (z, y, x) are contiguous frames of
blosc2, so ``blosc2.ndarray_from_cframe(content)`` reads them without this package, slice ranges too.
``KEY.scene.json`` is the scene, with ``stored``: the affine, and how stored integers become values.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import blosc2
import numpy as np

from synthfm3d.generate import LabelledVolume
from synthfm3d.volume import Array, Grid, Modality, Volume

IMAGE, LABELS, SCENE = "image.blosc2", "labels.blosc2", "scene.json"
SLICES_PER_CHUNK = 8
"""A clip for training reads two or three chunks, for any depth of its volume."""
UNITS: dict[Modality, str] = {"ct": "HU", "mr": "thousandth of the signal", "us": "grey value"}

# Two threads may finish blocks in either order; one always gives the same bytes.
_PACKED: dict[str, Any] = {
    "codec": blosc2.Codec.LZ4,
    "clevel": 5,
    "filters": [blosc2.Filter.BITSHUFFLE],
    "nthreads": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredVolume:
    """A volume out of a shard: image int16 and labels uint8 on one grid, and its scene in plain JSON."""

    key: str
    image: Volume
    labels: Volume
    scene: Mapping[str, Any]


def key_of(seed: int, index: int) -> str:
    """Name of a sample, unique over all seeds and indices; it holds no dot, which would end it."""
    return f"seed{seed}-{index:08d}"


def encoded(volume: LabelledVolume) -> dict[str, bytes]:
    """Content of the three members, by the ending of their names; the same bytes for the same volume.

    Raises ValueError where voxels are not int16 and uint8, as the renderer makes them.
    """
    image, labels, scene = volume.image.voxels, volume.labels.voxels, volume.scene
    if image.dtype != np.int16 or labels.dtype != np.uint8:
        raise ValueError(f"shards hold int16 images and uint8 labels, not {image.dtype} and {labels.dtype}.")
    stored = {
        "slope": 1.0,
        "intercept": 0.0,
        "unit": UNITS[scene.modality],
        "affine": volume.image.affine.tolist(),
    }
    plain = json.dumps({**scene.to_dict(), "stored": stored}, separators=(",", ":"), ensure_ascii=False)
    return {IMAGE: _packed(image), LABELS: _packed(labels), SCENE: plain.encode()}


def decoded(key: str, content: Mapping[str, bytes], slices: slice | None = None) -> StoredVolume:
    """The volume of three members, or a range of its slices with the affine moved along.

    Damaged members raise ValueError, KeyError, or an error of blosc2.
    """
    scene = json.loads(content[SCENE])
    stored = scene["stored"]
    z, y, x = scene["shape"]
    shape = (z, y, x)
    image, labels = (_unpacked(content[part], shape, slices) for part in (IMAGE, LABELS))
    if stored["slope"] != 1 or stored["intercept"] != 0:
        image = image * np.float32(stored["slope"]) + np.float32(stored["intercept"])
    grid = Grid(shape, np.array(stored["affine"]))
    if slices is not None:
        grid = grid.part((slices, slice(None), slice(None)))
    volume = Volume(
        voxels=image, affine=grid.affine, modality=scene["modality"], third_axis=scene["third_axis"]
    )
    return StoredVolume(key=key, image=volume, labels=volume.with_voxels(labels), scene=scene)


def _packed(voxels: Array) -> bytes:
    chunks = (min(SLICES_PER_CHUNK, voxels.shape[0]), *voxels.shape[1:])
    packed = blosc2.asarray(np.ascontiguousarray(voxels), chunks=chunks, cparams=_PACKED)
    return bytes(packed.to_cframe())


def _unpacked(content: bytes, shape: tuple[int, ...], slices: slice | None) -> Array:
    packed = blosc2.ndarray_from_cframe(content)
    if packed.shape != shape:
        raise ValueError(f"the array is {packed.shape}, the scene {shape}.")
    voxels: Array = packed[slices if slices is not None else slice(None)]
    return voxels
