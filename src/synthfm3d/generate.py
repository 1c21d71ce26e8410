"""From a seed to a synthetic volume: a scene is drawn from the seed, and rendered to voxels.

>>> volume = generate(seed=0, index=3)
>>> volume.image.voxels.shape == volume.labels.voxels.shape
True
"""

from dataclasses import dataclass

from synthfm3d.pictures.in_notebook import notebook_png
from synthfm3d.rendering.cpu import render
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.volume import Grid, Volume


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LabelledVolume:
    """An image, its label map on the same grid, and the scene from which both were rendered."""

    scene: Scene
    image: Volume
    labels: Volume

    def __repr__(self) -> str:
        scene = self.scene
        return f"LabelledVolume(seed {scene.seed}, index {scene.index}: {self.image})"

    def _repr_png_(self) -> bytes:
        """The picture that a notebook shows: the image with its labels."""
        return notebook_png(self.image, self.labels)


def generate(
    seed: int, index: int, settings: SynthesisSettings | None = None, threads: int = 1
) -> LabelledVolume:
    """The synthetic volume of one (seed, index): the same bits in any order."""
    return realise(draw_scene(seed, index, settings), threads=threads)


def realise(scene: Scene, slices: range | None = None, threads: int = 1) -> LabelledVolume:
    """A scene, or a range of its slices, as voxels with their geometry."""
    image, labels = render(scene, slices, threads)
    grid = Grid.from_spacing(scene.shape, scene.spacing_mm)
    if slices is not None:
        grid = grid.part((slice(slices.start, slices.stop), slice(None), slice(None)))
    volume = Volume(voxels=image, affine=grid.affine, modality=scene.modality, third_axis=scene.third_axis)
    return LabelledVolume(scene=scene, image=volume, labels=volume.with_voxels(labels))
