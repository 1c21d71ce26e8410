"""The options of ``synthfm3d segment`` as the command line shows them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

ScanArgument = Annotated[
    Path | None,
    typer.Argument(
        help="NIfTI, NRRD, MetaImage, a DICOM folder or file, a folder of PNG or JPEG slices, a NumPy "
        "array; or a folder of scans.",
        show_default=False,
    ),
]
InputOption = Annotated[
    Path | None, typer.Option("-i", "--input", help="The scan, as an option instead of an argument.")
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", help="Mask to write: .nii, .nii.gz, .nrrd, .mha or .dcm; for many scans, a folder."
    ),
]
PointOption = Annotated[
    list[str] | None, typer.Option(metavar="I,J,K", help="A point inside the object; may be repeated.")
]
NegativeOption = Annotated[
    list[str] | None, typer.Option(metavar="I,J,K", help="A point outside the object; may be repeated.")
]
BoxOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="I0,J0,K0,I1,J1,K1",
        help="Two opposite corners, both inside the box. Flat along one axis: a box on that slice.",
    ),
]
MaskPromptOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Mask that outlines the object on one or more slices."),
]
ScribbleOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Mask of a stroke inside the object.")
]
NegativeScribbleOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Mask of a stroke outside the object.")
]
LassoOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="I,J,K,...",
        help="Corners of a closed line drawn loosely around the object on one slice, three at least.",
    ),
]
PromptsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="JSON file of prompts, for several objects or for every scan of a folder."
    ),
]
SchemaOption = Annotated[
    bool, typer.Option("--prompts-schema", help="Print the JSON Schema of prompts and stop.")
]
LabelOption = Annotated[
    int | None,
    typer.Option(min=1, help="Label to use in the files of --mask-prompt, --scribble and --correct."),
]
StructureOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="Structure that the model was adapted to; needs no prompt; may be repeated."
    ),
]
MillimetresOption = Annotated[
    bool, typer.Option("--mm", help="Coordinates are RAS millimetres, not voxel indices of the stored array.")
]
CorrectOption = Annotated[
    Path | None,
    typer.Option(metavar="MASK", help="Earlier mask of the object, which the prompts correct."),
]
ModelOption = Annotated[
    str,
    typer.Option(
        help="default, random-walker, grow-cut, a run folder, a .safetensors file, or SAM 2: a .pt file, "
        "a folder or a name of the Hugging Face hub; append @512 to run it at this image size."
    ),
]
ModalityOption = Annotated[
    Literal["ct", "mr", "us"] | None,
    typer.Option(
        help="Detected from the scan by default: the DICOM tag, else CT if a value is -500 or less."
    ),
]
FrameOption = Annotated[int | None, typer.Option(min=0, help="Volume of a 4-D scan, counted from 0.")]
SeriesOption = Annotated[str | None, typer.Option(help="DICOM series of a folder, by its number or its UID.")]
SpacingOption = Annotated[
    str | None,
    typer.Option(
        metavar="X,Y,Z", help="Voxel spacing in mm, for pictures and arrays, which do not store it."
    ),
]
AllowGapsOption = Annotated[
    bool, typer.Option("--allow-gaps", help="Interpolate over missing and uneven DICOM slices.")
]
CineOption = Annotated[bool, typer.Option("--cine", help="The third axis of the scan is time.")]
ProbabilitiesOption = Annotated[
    bool, typer.Option("--probabilities", help="Also write the probability of each object.")
]
AlternativesOption = Annotated[
    bool,
    typer.Option(
        "--alternatives",
        help="Also write up to two masks of other sizes, since a click does not tell the size.",
    ),
]
LabelTablesOption = Annotated[
    bool,
    typer.Option("--label-tables", help="Also write names and colours as tables for ITK-SNAP and 3D Slicer."),
]
KeepIdentityOption = Annotated[
    bool,
    typer.Option("--keep-identity", help="Write a DICOM patient's identity and path into the outputs."),
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="File name extension of the masks of many scans; .nii.gz by default."),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Skip scans that have a mask from the same prompts already.")
]
JobsOption = Annotated[
    int | None, typer.Option(min=1, help="How many scans to segment at a time; 1 by default.")
]
