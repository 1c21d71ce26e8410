"""Zarr 3: one group for each volume, for those who read patches out of large volumes."""

from pathlib import Path

from synthfm3d.shards.sample import StoredVolume

_CHUNK = (16, 128, 128)


class ZarrWriter:
    """``KEY/image`` int16 and ``KEY/labels`` uint8, (z, y, x), each one sharded array in one file.

    Attributes of ``KEY``: ``spacing_mm`` (z, y, x), ``affine`` from (z, y, x) to RAS millimetres,
    ``modality``, ``unit``, ``third_axis`` and ``label_names``.
    """

    def __init__(self, output: Path) -> None:
        import zarr  # of the extra [zarr]

        self._root = zarr.open_group(output, mode="a", zarr_format=3)

    def add(self, volume: StoredVolume) -> None:
        scene = volume.scene
        group = self._root.create_group(volume.key, overwrite=True)
        group.attrs.update(
            {
                "spacing_mm": list(volume.image.spacing_mm),
                "affine": volume.image.affine.tolist(),
                "modality": scene["modality"],
                "third_axis": scene["third_axis"],
                "unit": scene["stored"]["unit"],
                "label_names": scene["label_names"],
            }
        )
        shape = volume.image.voxels.shape
        chunks = tuple(min(chunk, size) for chunk, size in zip(_CHUNK, shape, strict=True))
        # One file an array: a shard is a whole number of chunks, at least as long as the array.
        shard = tuple(-(-size // chunk) * chunk for size, chunk in zip(shape, chunks, strict=True))
        for name, voxels in (("image", volume.image.voxels), ("labels", volume.labels.voxels)):
            group.create_array(name, data=voxels, chunks=chunks, shards=shard)

    def finish(self) -> None:
        """Nothing is left to do."""
