"""Run the notebooks of the documentation and store their output in them."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = (Path(__file__).parents[1] / "docs" / "tutorials" / "first_mask.ipynb",)


def main() -> int:
    """Run each notebook in an empty folder, as a reader would; return 0 if all of them ran."""
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        with TemporaryDirectory() as folder:
            # Without the state of widgets: it would hold every voxel that was shown.
            client = NotebookClient(
                notebook,
                timeout=600,
                kernel_name="python3",
                store_widget_state=False,
                resources={"metadata": {"path": folder}},
            )
            client.execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # when it ran: differs at every run
            for output in cell.get("outputs", ()):
                output.get("data", {}).pop("image/jpeg", None)  # the picture of the PNG once more
        notebook.metadata = {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        }
        nbformat.write(notebook, path)
        print(path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
