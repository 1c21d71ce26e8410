"""The boundary between a program and a person: every failure becomes a line and an exit code.

What the user can mend gives one line on stderr that says what, where and the way out, and exit code
2. What only a programmer can mend gives the traceback and exit code 1. With the environment variable
``SYNTHFM3D_TRACEBACK=1`` the first kind shows its traceback, too.
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
"""Which extra installs a module that the core package does without."""

EXTRA_OF_COMMAND = {"train": "train", "adapt": "train", "reproduce": "train", "serve": "serve"}
"""Commands whose extra holds ``[model]`` and more: naming ``[model]`` would send the user round twice."""


def guarded(app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Run a typer application and return its exit code; failures are told on stderr."""
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
    """Raise ModuleNotFoundError at once where a module of an extra is missing; nothing is imported."""
    if find_spec(module) is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def extra_to_install(module: str, arguments: Sequence[str]) -> str | None:
    """The extra that makes a command run which could not import a module; None if no extra brings it."""
    extra = EXTRA_OF_MODULE.get(module.partition(".")[0])
    return EXTRA_OF_COMMAND.get(arguments[0], extra) if extra == "model" and arguments else extra


def user_message(error: InputError | OSError) -> str:
    """What an error of the user's input says to the user, in one line."""
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
