"""The options of ``synthfm3d evaluate`` as the command line shows them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

OutputOption = Annotated[Path, typer.Option("-o", "--output", help="Folder of the report.")]
ImageOption = Annotated[Path | None, typer.Option(help="Scan of any format that `synthfm3d segment` reads.")]
LabelsOption = Annotated[Path | None, typer.Option(help="Its label map, on the same grid.")]
NamesOption = Annotated[Path | None, typer.Option(help='Label names, JSON such as {"1": "liver"}.')]
StructureOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Name or label value; several with commas. All, if not given."),
]
SamplesOption = Annotated[
    Path | None, typer.Option(help="Folder of the ten sample scans: score their frozen targets.")
]
DatasetOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=PATH", help="A public dataset (see `synthfm3d datasets`); repeatable."),
]
SplitOption = Annotated[
    Literal["training", "validation", "test"] | None,
    typer.Option(help="This part of the datasets only."),
]
CasesOption = Annotated[
    int | None, typer.Option("--cases", min=1, help="The first so many cases of each dataset only.")
]
ModalityOption = Annotated[
    Literal["ct", "mr", "us"] | None, typer.Option(help="Told by the scan's values, if not given.")
]
LabelSourceOption = Annotated[
    Literal["expert", "automatic", "non-expert", "unknown"] | None,
    typer.Option(help="Who made the labels; unknown, if not given."),
]
FrameOption = Annotated[int | None, typer.Option(min=0, help="Which volume of a 4-D scan, from 0.")]
SeriesOption = Annotated[
    str | None, typer.Option(help="Which DICOM series of --image: its number, or its UID.")
]
AllowGapsOption = Annotated[
    bool, typer.Option("--allow-gaps", help="Interpolate over missing and uneven DICOM slices of --image.")
]
SpacingOption = Annotated[
    str | None,
    typer.Option(metavar="X,Y,Z", help="Voxel spacing of --image in mm, for pictures and arrays."),
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODEL",
        help="default, random-walker, grow-cut, a run folder, a .safetensors file, or SAM 2 (a .pt file, "
        "a folder or name of the Hugging Face hub; @512 behind it: at this size of the image); several "
        "with commas. The default model, if neither this nor --predictions is given.",
    ),
]
PredictionsOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=FOLDER", help="Masks of another tool; see --export-prompts. Repeatable."),
]
BaselinesOption = Annotated[bool, typer.Option(help="Score the two trivial baselines, too.")]
AgainstOption = Annotated[
    str | None, typer.Option(help="Method that the others are compared with; the first, if not given.")
]
PromptOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PROMPT",
        help="point, 3-points, 5-points, point-negative, box, jittered-box, mask, or all; several with "
        "commas. Simulated from the labels. Point, box and mask, if not given.",
    ),
]
PromptSliceOption = Annotated[
    Literal["largest", "middle", "first"], typer.Option(help="Which slice of a structure is prompted.")
]
DirectionOption = Annotated[
    Literal["both", "forward"],
    typer.Option(help="Give the whole scan, or the prompted slice and those behind it."),
]
PromptSeedsOption = Annotated[
    int | None, typer.Option(min=1, help="Draws of prompts that hold chance; 5, if not given.")
]
RoundsOption = Annotated[
    int, typer.Option(min=0, help="Clicks after each prompt, into the largest error that is left.")
]
ExportPromptsOption = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Score nothing: write scans and prompts for another tool."),
]
JobsOption = Annotated[int, typer.Option(min=1, help="Processes; each holds a model and a scan.")]
ResumeOption = Annotated[
    bool, typer.Option(help="Go on: take cases that were scored with the same choices, methods and code.")
]
PicturesOption = Annotated[bool, typer.Option(help="Show masks on the page.")]
