"""Twenty people click at the same time: nobody's answer is lost, and nobody sees another's mask."""

import gzip
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import nibabel as nib
import numpy as np
import pytest

from synthfm3d.io.nifti import nifti_bytes
from synthfm3d.randomness import stream
from synthfm3d.volume import Grid, Volume

CLIENTS, SECONDS = 20, 30
SHAPE = (24, 64, 64)
RADIUS = 7


def ball_of(client):
    """A scan with one bright ball, elsewhere for each client; and the ball's voxels and middle."""
    draw = stream(client, "load")
    middle = draw.uniform([9, 12, 12], [15, 52, 52])
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    ball = np.linalg.norm(index - middle, axis=-1) <= RADIUS
    voxels = (100 + 100 * ball + 5 * draw.normal(size=SHAPE)).astype(np.float32)
    grid = Grid.from_spacing(SHAPE, (2.0, 2.0, 2.0))
    return Volume(voxels=voxels, affine=grid.affine, modality="mr"), ball, middle


@dataclass
class Tally:
    clicks: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def click_for_a_while(address, client, end, tally):
    scan, ball, middle = ball_of(client)
    draw = stream(client, "clicks")
    with httpx.Client(base_url=address, timeout=300) as server:
        opened = server.post("/api/uploads?modality=mr", content=nifti_bytes(scan, 1)).json()
        path = f"/api/scans/{opened['id']}"
        while time.monotonic() < end:
            place = [float(mm) for mm in scan.grid.to_mm(middle + draw.uniform(-2, 2, 3))]
            prompt = {"type": "point", "position_mm": place}
            start = time.monotonic()
            answer = server.post(f"{path}/prompts", json={"prompts": [prompt]})
            tally.clicks.append(time.monotonic() - start)
            if answer.status_code != 200:
                tally.failures.append(f"client {client}: {answer.status_code} {answer.text}")
                continue
            shown = answer.json()["objects"][0]["prompts"]
            content = server.get(f"{path}/labels.nii.gz").content
            mask = np.asarray(nib.Nifti1Image.from_bytes(gzip.decompress(content)).dataobj).T > 0
            inside = np.count_nonzero(mask & ball)
            if shown != [{**prompt, "positive": True}] or not inside > 0.5 * np.count_nonzero(mask):
                tally.failures.append(
                    f"client {client}: {inside} of {np.count_nonzero(mask)} voxels, {shown}"
                )
            server.post(f"{path}/reset")


def ask_for_health(address, stopped, tally):
    with httpx.Client(base_url=address, timeout=60) as server:
        while not stopped.wait(0.5):
            start = time.monotonic()
            server.get("/healthz").raise_for_status()
            tally.health.append(time.monotonic() - start)


@pytest.mark.slow
def test_twenty_clients_lose_no_answer_and_see_their_own_masks_only():
    command = [sys.executable, "-m", "synthfm3d", "serve", "--port", "0"]
    environment = {**os.environ, "SYNTHFM3D_TOKEN": "", "SYNTHFM3D_LOG": "WARNING"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    tally, stopped = Tally(), threading.Event()
    try:
        address = re.match(r"Open (http\S+)/", process.stdout.readline()).group(1)
        with ThreadPoolExecutor(CLIENTS + 1) as threads:
            health = threads.submit(ask_for_health, address, stopped, tally)
            end = time.monotonic() + SECONDS
            clients = [threads.submit(click_for_a_while, address, n, end, tally) for n in range(CLIENTS)]
            for one in clients:
                one.result()
            stopped.set()
            health.result()
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()
    seconds = np.sort(tally.clicks)
    print(f"{len(seconds)} clicks, median {np.median(seconds):.1f} s, longest {seconds[-1]:.1f} s; ", end="")
    print(f"health: median {1000 * np.median(tally.health):.0f} ms, longest {max(tally.health):.2f} s")
    assert tally.failures == []
    assert len(seconds) >= CLIENTS
    assert np.median(tally.health) < 1.0  # the server answers while the model thinks
