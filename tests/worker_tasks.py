"""What workers do in the tests of the process pool; spawned processes import it from here."""

import os
import signal
import time
from functools import partial

from synthfm3d.errors import InputError


def kill_myself():
    os.kill(os.getpid(), signal.SIGKILL)


def half(number, tell):
    tell("begun")
    return number / 2


def halves():
    return half


def deadly(number, tell):
    if number == 2:
        kill_myself()
    return number


def deadly_work():
    return deadly


def deadly_once(path, number, tell):
    """Task 2 kills its worker the first time."""
    if number == 2 and not path.exists():
        path.touch()
        kill_myself()
    return number


def deadly_once_work(path):
    return partial(deadly_once, path)


def refusing(number, tell):
    if number:
        raise InputError("scan.nii.gz: is empty: choose another.")
    return number


def refusing_work():
    return refusing


def failing_start():
    raise ZeroDivisionError("the start failed")


def sleeping(folder, number, tell):
    (folder / str(os.getpid())).touch()
    for _ in range(600):
        time.sleep(0.1)
        tell("alive")


def sleeping_work(folder):
    return partial(sleeping, folder)
