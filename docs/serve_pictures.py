"""The pictures of the page in the README: ``python docs/serve_pictures.py`` (needs Chromium).

Synthetic data only; the masks are what the default model gave to the clicks.
"""

import io
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from synthfm3d.generate import LabelledVolume, generate
from synthfm3d.io.nifti import write_nifti
from synthfm3d.prompts.simulation import innermost_point, largest_slice
from synthfm3d.synthesis.presets import PRESETS

IMAGES = Path(__file__).parent / "images"
SEED, ORGANS = 19, ("liver",)
PLAYGROUND = {"preset": "mr", "seed": "3"}
FLAGS = ("--no-sandbox", "--ignore-gpu-blocklist", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
IDLE = (
    "window.synthfm3d && document.documentElement?.dataset.ready === 'yes' "
    "&& document.getElementById('working').hidden"
)


def main() -> None:
    """Draw a scan, serve it, click into two organs, visit the playground."""
    settings = replace(PRESETS["ct"], shape=(72, 160, 160), anisotropy=(1.0, 1.5))
    volume = generate(SEED, 0, settings, threads=2)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        scan = Path(folder) / "synthetic_ct.nii.gz"
        write_nifti(scan, volume.image)
        command = [sys.executable, "-m", "synthfm3d", "serve", str(scan), "--port", "0", "--quiet"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            told = re.match(r"Open (http\S+)", server.stdout.readline())
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            try:
                assert told is not None
                page.goto(told.group(1))
                segment(page, volume)
                keep(page, "serve_page")
                page.emulate_media(color_scheme="dark")
                play(page)
                keep(page, "serve_playground")
            finally:
                browser.close()
                server.terminate()


def segment(page: Page, volume: LabelledVolume) -> None:
    """Click into the innermost place of each organ, as a new object of its name."""
    wait(page, IDLE)
    names = {name: label for label, name in volume.scene.label_names().items()}
    for number, organ in enumerate(ORGANS, start=1):
        mask = volume.labels.voxels == names[organ]
        z = largest_slice(mask)
        place = volume.labels.grid.to_mm(np.array([z, *innermost_point(mask[z])])).tolist()
        if number > 1:
            page.click("#new-object")
        pixel = page.evaluate(f"synthfm3d.viewer.pagePosition({place})")
        page.mouse.click(pixel["x"], pixel["y"])
        wait(page, f"synthfm3d.workbench.objects.length === {number} && {IDLE}")
        page.get_by_label(f"Name of object {number}").fill(organ)
        page.keyboard.press("Tab")
        wait(page, IDLE)


def play(page: Page) -> None:
    """Choose a volume, and let the model find its thickest structure."""
    page.click("#tab-playground")
    wait(page, f"Object.keys(synthfm3d.workbench.scan.structures).length > 0 && {IDLE}")
    page.select_option("#preset", PLAYGROUND["preset"])
    page.fill("#seed", PLAYGROUND["seed"])
    page.keyboard.press("Tab")
    name = f"{PLAYGROUND['preset']}, seed {PLAYGROUND['seed']}, volume 0"
    wait(page, f"synthfm3d.workbench.scan.name === '{name}' && {IDLE}")
    page.click("#simulate")
    wait(page, f"synthfm3d.workbench.objects.length === 1 && {IDLE}")


def wait(page: Page, expression: str) -> None:
    """Until it is true; asked from outside, since the page forbids text to become code."""
    while not page.evaluate(expression):
        time.sleep(0.05)


def keep(page: Page, name: str) -> None:
    """The page as a PNG of 192 colours: a third of the bytes."""
    time.sleep(1)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(192, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
