"""A small scan of which every axis is another, for tests of what viewers send and get."""

import threading
import time
from contextlib import contextmanager

import numpy as np
import uvicorn

from synthfm3d.randomness import stream

TOKEN = "correct-horse-battery"
SHAPE = (15, 26, 38)
SPACING = [3.0, 1.5, 1.0]
MIDDLE = (7, 11, 22)
RADII = (4, 6, 9)
"""Voxels: the object is 24 mm deep, 18 mm high and 18 mm wide."""


def ellipsoid(middle, radii):
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    return (((index - np.array(middle)) / np.array(radii)) ** 2).sum(axis=-1) <= 1


def object_and_voxels():
    """Boolean (z, y, x) of the object, and int16 voxels that show it and a second one brightly."""
    truth = ellipsoid(MIDDLE, RADII)
    noise = stream(0, "viewers").normal(size=SHAPE)
    voxels = 100 + 100 * (truth | ellipsoid((4, 5, 5), (2, 3, 4))) + 5 * noise
    return truth, voxels.astype(np.int16)


class Sticky:
    """A model that finds a ball around positive clicks and a hole around negative ones, and fills boxes.

    It is fast, and its mask shows which prompts have reached it.
    """

    name = "sticky"
    grid_shape = (16, 48, 48)

    def prepare(self, channels, spacing_mm):
        return np.stack(np.meshgrid(*map(np.arange, self.grid_shape), indexing="ij"), axis=-1)

    def logits(self, features, prompts, previous=None):
        logits = np.full(self.grid_shape, -5.0, np.float32)
        for low, high in prompts.boxes.astype(int):
            logits[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))] = 5
        for points, value in ((prompts.positive, 5), (prompts.negative, -5)):
            for point in points:
                logits[np.linalg.norm(features - point, axis=-1) <= 3] = value
        return logits


@contextmanager
def listening(app):
    """The address of an application that listens at a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))
    sock = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        sock.close()
