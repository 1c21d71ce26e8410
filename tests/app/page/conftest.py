"""The real command, the default model, and a real Chromium that nobody but these tests sees."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

PATIENCE_S = 60


def pytest_collection_modifyitems(items):
    for item in items:
        if "/app/page/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def start_server(scan_file):
    """Runs ``synthfm3d serve`` with more words; returns the address that it prints."""
    running = []

    def start(*words):
        command = [sys.executable, "-m", "synthfm3d", "serve", str(scan_file), "--port", "0", *words]
        environment = {**os.environ, "SYNTHFM3D_TOKEN": "", "SYNTHFM3D_LOG": "WARNING"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        running.append(process)
        return re.match(r"Open (http\S+)", process.stdout.readline()).group(1)

    yield start
    for process in running:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


@pytest.fixture(scope="session")
def address(start_server):
    return start_server()


@dataclass
class Visitor:
    """A person at the page: looks, points and clicks."""

    page: object

    def see(self, expression):
        return self.page.evaluate(expression)

    def wait_for(self, expression, patience_s=PATIENCE_S):
        """Until an expression is true; asked from outside, since the page forbids text to become code."""
        end = time.monotonic() + patience_s
        while not self.see(expression):
            assert time.monotonic() < end, f"{expression} did not become true: {self.status}"
            time.sleep(0.03)

    @property
    def status(self):
        return self.page.inner_text("#status")

    @property
    def scan(self):
        return self.see("synthfm3d.workbench.scan")

    def open(self, address):
        self.page.goto(address)
        self.wait_for("document.documentElement.dataset.ready === 'yes'")
        self.settle()

    def settle(self):
        """Until nothing is at work and what was asked for is drawn."""
        self.wait_for("document.getElementById('working').hidden")
        self.see("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def place(self, mm, plane="axial"):
        """Pixel of the page at which a place is shown, after moving the crosshair to it."""
        found = self.see(f"synthfm3d.viewer.pagePosition({[float(one) for one in mm]}, '{plane}')")
        self.settle()
        return found["x"], found["y"]

    def revision(self, number):
        self.wait_for(f"synthfm3d.workbench.scan.revision === {number}")
        self.settle()

    def colour_at(self, x, y):
        """(red, green, blue) of a pixel of the page as it is seen."""
        import io

        from PIL import Image

        clip = {"x": x, "y": y, "width": 1, "height": 1}
        return Image.open(io.BytesIO(self.page.screenshot(clip=clip))).convert("RGB").getpixel((0, 0))


DROPPED = "net::ERR_ABORTED"


@pytest.fixture
def new_visitor(browser):
    """Visitors of their own; fails the test for any console error, failed or foreign request."""
    contexts, complaints = [], []

    def make(**options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        # The browser drops its open requests where a page is left or reloaded.
        page.on("requestfailed", lambda r: r.failure == DROPPED or complaints.append(f"failed: {r.url}"))
        own = ("http://127.0.0.1:", "data:", "blob:http://127.0.0.1:")
        page.on("request", lambda r: r.url.startswith(own) or complaints.append(f"foreign: {r.url}"))
        return Visitor(page)

    make.complaints = complaints
    yield make
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def visitor(new_visitor, address):
    """At the page, with the phantom open."""
    visitor = new_visitor()
    visitor.open(address)
    return visitor
