"""A click on a machine that draws and decodes slowly is still sent to the place that was meant."""

import numpy as np

from synthfm3d.io.nifti import write_nifti

FRAMES_ARE_RARE = """
    const soon = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (draw) => setTimeout(() => soon(draw), 700);
    null
"""
DECODING_IS_SLOW = """
    const { NVImage } = niivue;
    const load = NVImage.loadFromUrl.bind(NVImage);
    NVImage.loadFromUrl = async (...what) => {
        window.isDecoding = true;
        await new Promise((done) => setTimeout(done, 1500));
        return load(...what);
    };
    null
"""


def test_a_click_right_after_the_wheel_is_sent_to_the_slice_that_was_turned_to(visitor, phantom):
    middle = visitor.see("synthfm3d.viewer.slices")[2]
    x, y = visitor.place(phantom.scan.grid.to_mm(np.array([10, 20, 11])))
    visitor.page.mouse.move(x, y)
    visitor.see(f"{{ {FRAMES_ARE_RARE} }}")
    for _ in range(4):
        visitor.page.mouse.wheel(0, -100)
    visitor.wait_for(f"synthfm3d.viewer.slices[2] === {middle + 4}")
    visitor.page.mouse.click(x, y)
    visitor.revision(1)
    (prompt,) = visitor.scan["objects"][0]["prompts"]
    slices_off = phantom.scan.grid.to_index(np.array(prompt["position_mm"]))[0] - 10
    assert abs(abs(slices_off) - 4) < 0.6
    assert visitor.see("synthfm3d.viewer.slices")[2] == middle + 4


def test_a_click_while_another_scan_is_loading_belongs_to_the_scan_that_is_seen(visitor, phantom, tmp_path):
    path = tmp_path / "other.nii.gz"
    write_nifti(path, phantom.scan)
    first = visitor.scan["id"]
    x, y = visitor.place(phantom.centres_mm[0])
    visitor.see(f"{{ {DECODING_IS_SLOW} }}")
    visitor.page.set_input_files("#file", path)
    visitor.wait_for("window.isDecoding")
    visitor.page.mouse.click(x, y)
    visitor.wait_for("synthfm3d.workbench.scan?.name === 'other.nii.gz'")
    visitor.settle()
    assert visitor.scan["objects"] == []
    found = visitor.see(f"fetch('api/scans/{first}').then((answer) => answer.json())")
    assert len(found["objects"]) == 1
