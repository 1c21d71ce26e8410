"""The prompts of one scan, from options of the command line or from a prompts file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from synthfm3d.cli.prompt_files import (
    PromptedObject,
    mask_prompt,
    plain,
    position_mm,
    prompted_objects,
    read_prompt_file,
    relocated,
    scribble_prompt,
)
from synthfm3d.errors import InputError
from synthfm3d.prompts.prompt import Box, Lasso, Point, Prompt
from synthfm3d.prompts.prompt_file import (
    CasePrompts,
    FileBox,
    FileLasso,
    FileObject,
    FilePoint,
    FileScribble,
)
from synthfm3d.segmentation.placement import checked_prompts
from synthfm3d.volume import Grid, Position, Volume


@dataclass(frozen=True, kw_only=True)
class PromptOptions:
    """The prompts that ``synthfm3d segment`` was given: a file, or options for one object.

    Parameters
    ----------
    mm
        Coordinates in the options are RAS millimetres, else voxels (i, j, k) of the stored array.
    correct
        Earlier mask of the object, which the prompts correct.
    label
        Label to use in the files, if they have several.
    """

    point: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    box: tuple[str, ...] = ()
    mask: Path | None = None
    scribble: Path | None = None
    negative_scribble: Path | None = None
    lasso: tuple[str, ...] = ()
    mm: bool = False
    file: Path | None = None
    correct: Path | None = None
    label: int | None = None

    def __post_init__(self) -> None:
        if self.file is not None and (self.mm or (self.label is not None and self.correct is None)):
            raise InputError("a file of prompts contains its unit: leave out --mm and --label.")
        if self.mm and not (self.point or self.negative or self.box or self.lasso):
            raise InputError(
                "--mm has no effect without --point, --negative, --box or --lasso: leave it out."
            )
        if self.label is not None and not (self.mask or self._scribbles or self.correct):
            raise InputError("--label needs a file with labels: --mask-prompt, --scribble or --correct.")

    @classmethod
    def given(
        cls,
        point: Sequence[str] | None,
        negative: Sequence[str] | None,
        box: Sequence[str] | None,
        lasso: Sequence[str] | None,
        drawn: tuple[Path | None, Path | None, Path | None],
        mm: bool,
        file: Path | None,
        correct: Path | None,
        label: int | None,
    ) -> Self:
        """Prompts from the options as typer passes them; a repeatable option that is not given is None.

        ``drawn`` has the files of a mask, of a scribble and of a negative scribble.
        """
        mask, scribble, negative_scribble = drawn
        return cls(
            point=tuple(point or ()),
            negative=tuple(negative or ()),
            box=tuple(box or ()),
            lasso=tuple(lasso or ()),
            mask=mask,
            scribble=scribble,
            negative_scribble=negative_scribble,
            mm=mm,
            file=file,
            correct=correct,
            label=label,
        )

    @property
    def by_option(self) -> bool:
        """Whether a prompt is given as an option."""
        numbers = self.point or self.negative or self.box or self.lasso
        return bool(numbers or self.mask or self._scribbles)

    @property
    def _scribbles(self) -> list[tuple[Path, bool]]:
        """The files of scribbles; True for the positive one."""
        files = ((self.scribble, True), (self.negative_scribble, False))
        return [(path, positive) for path, positive in files if path is not None]

    @property
    def inputs(self) -> tuple[Path, ...]:
        """All files that are read."""
        files = (self.mask, self.scribble, self.negative_scribble, self.file, self.correct)
        return tuple(path for path in files if path is not None)

    def for_report(self, scan: Path, folder: Path) -> dict[str, Any]:
        """The prompts in the format of a prompts file in ``folder``."""
        if self.file is not None:
            found = read_prompt_file(self.file)
            objects = [relocated(entry, self.file.parent, folder) for entry in self._of_file(scan)]
            return {"unit": found.unit, "objects": plain(objects)}
        entry = FileObject(
            points=(
                *(FilePoint(at=_place(text, "--point")) for text in self.point),
                *(FilePoint(at=_place(text, "--negative"), positive=False) for text in self.negative),
            ),
            boxes=tuple(FileBox(first=first, last=last) for first, last in map(_corners, self.box)),
            masks=() if self.mask is None else (str(self.mask),),
            scribbles=tuple(
                FileScribble(file=str(path), positive=positive) for path, positive in self._scribbles
            ),
            lassos=tuple(FileLasso(corners=_lasso_corners(text)) for text in self.lasso),
        )
        return {"unit": "mm" if self.mm else "voxel", "objects": plain([relocated(entry, Path(), folder)])}

    def objects(self, scan: Path, volume: Volume) -> list[PromptedObject]:
        """The prompted objects of a scan; InputError for a prompt that cannot be used."""
        if self.file is not None:
            if self.by_option:
                raise InputError("give prompts either in a file or as options.")
            found = prompted_objects(read_prompt_file(self.file), self._of_file(scan), volume, self.file)
        else:
            prompts = self._of_options(volume)
            if not prompts:
                raise InputError(
                    "there is no prompt for the object: give --point, --box, --lasso or --mask-prompt."
                )
            checked_prompts(prompts, volume.grid, correcting=self.correct is not None)
            found = [PromptedObject(label=1, name=None, prompts=tuple(prompts))]
        if self.correct is not None and len(found) != 1:
            raise InputError("--correct takes the prompts of one object.")
        return found

    def _of_file(self, scan: Path) -> tuple[FileObject, ...]:
        assert self.file is not None
        found = read_prompt_file(self.file)
        return found.objects if found.cases is None else _of_case(self.file, found.cases, scan)

    def _of_options(self, volume: Volume) -> list[Prompt]:
        prompts: list[Prompt] = [
            *_points(self.point, "--point", volume.grid, self.mm),
            *_points(self.negative, "--negative", volume.grid, self.mm),
            *_boxes(self.box, volume.grid, self.mm),
            *_lassos(self.lasso, volume.grid, self.mm),
        ]
        if self.mask is not None:
            prompts.append(mask_prompt(self.mask, volume, self.label))
        for path, positive in self._scribbles:
            prompts.append(scribble_prompt(path, volume, positive=positive, label=self.label))
        return prompts


def _of_case(path: Path, cases: Mapping[str, CasePrompts], scan: Path) -> tuple[FileObject, ...]:
    for name, case in cases.items():
        if name == scan.name or scan.name.startswith(f"{name}."):
            return case.objects
    raise InputError(f"{path}: has no prompts for {scan.name}: it names {', '.join(list(cases)[:10])}.")


def _points(texts: tuple[str, ...], option: str, grid: Grid, mm: bool) -> list[Prompt]:
    return [
        Point(
            position_mm=position_mm(_place(text, option), f"{option} {text}", grid, mm),
            positive=option == "--point",
        )
        for text in texts
    ]


def _boxes(texts: tuple[str, ...], grid: Grid, mm: bool) -> list[Prompt]:
    boxes: list[Prompt] = []
    for text in texts:
        first, last = (position_mm(corner, f"--box {text}", grid, mm) for corner in _corners(text))
        boxes.append(Box(corner_mm=first, opposite_mm=last))
    return boxes


def _place(text: str, option: str) -> Position:
    first, second, third = _numbers(text, option, 3)
    return first, second, third


def _corners(text: str) -> tuple[Position, Position]:
    a, b, c, d, e, f = _numbers(text, "--box", 6)
    return (a, b, c), (d, e, f)


def _lassos(texts: tuple[str, ...], grid: Grid, mm: bool) -> list[Prompt]:
    lassos: list[Prompt] = []
    for text in texts:
        corners = _lasso_corners(text)
        positions = tuple(position_mm(corner, f"--lasso {text}", grid, mm) for corner in corners)
        lassos.append(Lasso(positions_mm=positions))
    return lassos


def _lasso_corners(text: str) -> tuple[Position, ...]:
    count, left = divmod(text.count(",") + 1, 3)
    if left or count < 3:
        raise InputError(f"--lasso {text}: give three corners or more, each as I,J,K, without spaces.")
    numbers = _numbers(text, "--lasso", 3 * count)
    return tuple((numbers[n], numbers[n + 1], numbers[n + 2]) for n in range(0, 3 * count, 3))


def spacing_zyx(text: str | None) -> tuple[float, float, float] | None:
    """The spacing (z, y, x) of ``--spacing X,Y,Z``."""
    if text is None:
        return None
    x, y, z = _numbers(text, "--spacing", 3)
    return z, y, x


def _numbers(text: str, option: str, count: int) -> list[float]:
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise InputError(f"{option} {text}: give {count} numbers with commas between them and no spaces.")
    return numbers
