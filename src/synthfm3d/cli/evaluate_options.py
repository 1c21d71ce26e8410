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
    typer.Option(metavar="NAME", help="Name or label value; several with commas. All by default."),
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
    typer.Option(help="Use only this split of the datasets."),
]
CasesOption = Annotated[
    int | None,
    typer.Option("--cases", min=1, help="Use only this many cases of each dataset, the first ones."),
]
ModalityOption = Annotated[
    Literal["ct", "mr", "us"] | None, typer.Option(help="Detected from the scan's values by default.")
]
LabelSourceOption = Annotated[
    Literal["expert", "automatic", "non-expert", "unknown"] | None,
    typer.Option(help="Who made the labels; unknown by default."),
]
FrameOption = Annotated[int | None, typer.Option(min=0, help="Volume of a 4-D scan, counted from 0.")]
SeriesOption = Annotated[str | None, typer.Option(help="DICOM series of --image, by its number or its UID.")]
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
        "a folder or name of the Hugging Face hub; append @512 to run it at this image size); several "
        "with commas. The default model, if neither --model nor --predictions is given.",
    ),
]
PredictionsOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=FOLDER", help="Masks of another tool; see --export-prompts. Repeatable."),
]
BaselinesOption = Annotated[bool, typer.Option(help="Also score the two trivial baselines.")]
AgainstOption = Annotated[
    str | None, typer.Option(help="Method that the others are compared with; the first by default.")
]
PromptOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PROMPT",
        help="point, 3-points, 5-points, point-negative, box, jittered-box, mask, or all; several with "
        "commas. Simulated from the labels. Point, box and mask by default.",
    ),
]
PromptSliceOption = Annotated[
    Literal["largest", "middle", "first"], typer.Option(help="The slice of a structure that is prompted.")
]
DirectionOption = Annotated[
    Literal["both", "forward"],
    typer.Option(help="Give methods the whole scan, or only the prompted slice and those after it."),
]
PromptSeedsOption = Annotated[
    int | None, typer.Option(min=1, help="Repetitions of each randomised prompt; 5 by default.")
]
RoundsOption = Annotated[
    int, typer.Option(min=0, help="Clicks after each prompt, each into the largest error that remains.")
]
ExportPromptsOption = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Score nothing: write scans and prompts for another tool."),
]
JobsOption = Annotated[
    int, typer.Option(min=1, help="Number of processes; each needs memory for a model and a scan.")
]
ResumeOption = Annotated[
    bool,
    typer.Option(help="Continue a run: keep cases that were scored with the same choices, methods and code."),
]
PicturesOption = Annotated[bool, typer.Option(help="Show pictures of masks on the page.")]
