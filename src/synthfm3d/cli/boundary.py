"""Turn every failure of a command into a message and an exit code.

An error that the user can correct prints one line on stderr and gives exit code 2. The line says what is
wrong, where, and how to solve it. Any other error prints its traceback and gives exit code 1. With the
environment variable ``SYNTHFM3D_TRACEBACK=1``, errors of the first kind print their traceback as well.
"""

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.util import find_spec

import typer

from synthfm3d.errors import InputError

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

EXTRA_OF_MODULE = {
    "torch": "model",
    "transformers": "model",
    "safetensors": "model",
    "skimage": "model",
    "accelerate": "train",
    "tensorboard": "train",
    "pydicom": "dicom",
    "highdicom": "dicom",
    "SimpleITK": "dicom",
    "zarr": "zarr",
    "ray": "ray",
    "fsspec": "remote",
    "fastapi": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "ipyniivue": "notebook",
}
"""The extra that installs a module which the core package does not need."""

EXTRA_OF_COMMAND = {"train": "train", "adapt": "train", "reproduce": "train", "serve": "serve"}
"""Commands that need more than the extra ``[model]``, each with the extra that contains all of it."""


def guarded(app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Run a typer application and return its exit code; failures are printed on stderr."""
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, prog_name="synthfm3d", standalone_mode=False)
    except KeyboardInterrupt:
        return INTERRUPTED
    except typer.Abort:
        return FAILED
    except typer.TyperException as error:
        _tell(_usage_message(error))
        return WRONG_INPUT
    except (InputError, OSError) as error:
        if os.environ.get("SYNTHFM3D_TRACEBACK"):
            traceback.print_exc()
        _tell(user_message(error))
        return WRONG_INPUT
    except ModuleNotFoundError as error:
        extra = extra_to_install(error.name or "", sys.argv[1:] if arguments is None else arguments)
        if extra is None:
            traceback.print_exc()
            return FAILED
        _tell(f"{error.name} is not installed: run  pip install 'synthfm3d[{extra}]'")
        return WRONG_INPUT
    except Exception:
        traceback.print_exc()
        return FAILED
    return code if isinstance(code, int) else DONE


def require(module: str) -> None:
    """Raise ModuleNotFoundError if a module of an extra is missing; the module is not imported."""
    if find_spec(module) is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def extra_to_install(module: str, arguments: Sequence[str]) -> str | None:
    """The extra to install for a command that could not import a module; None if no extra contains it."""
    extra = EXTRA_OF_MODULE.get(module.partition(".")[0])
    return EXTRA_OF_COMMAND.get(arguments[0], extra) if extra == "model" and arguments else extra


def user_message(error: InputError | OSError) -> str:
    """The message of an input error, in one line."""
    if not isinstance(error, OSError) or error.errno is None:
        return " ".join(str(error).split()) or type(error).__name__
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    way_out = {
        errno.EEXIST: "this is a file, a folder is needed: choose another place.",
        errno.ENOENT: "no such file or folder: check the path.",
        errno.ENOTDIR: "a part of this path is a file, not a folder: check the path.",
        errno.EISDIR: "this is a folder, a file is needed: name a file.",
        errno.EACCES: "no permission: change the permissions or choose another place.",
        errno.EPERM: "not permitted: change the permissions or choose another place.",
        errno.EROFS: "the file system is read-only: choose another place.",
        errno.ENOSPC: "the disk is full: free some space or choose another place.",
        errno.EDQUOT: "your disk quota is used up: free some space or choose another place.",
    }
    return where + way_out.get(error.errno, f"{error.strerror}.")


def _usage_message(error: typer.TyperException) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    if context is None:
        return f"{message}."
    way_out = f"ee {context.command_path} --help"
    return f"{message} S{way_out}" if message.endswith("?") else f"{message}: s{way_out}"


def _tell(message: str) -> None:
    print(f"synthfm3d: {message}", file=sys.stderr)
