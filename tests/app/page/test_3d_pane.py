"""The 3-D pane: surfaces of masks in front of a translucent scan, without the table."""

import numpy as np
import pytest

from synthfm3d.io.nifti import write_nifti
from synthfm3d.volume import Grid, Volume

SURFACE_VOLUME = """
    (async () => {
        const { surfacesOf } = await import("./surface.js");
        const { labels } = synthfm3d.viewer;
        const { dims, affine } = labels.hdr;
        const [{ points, triangles }] = surfacesOf(labels.filled, dims.slice(1, 4), affine);
        let volume = 0;
        for (let t = 0; t < triangles.length; t += 3) {
            const [a, b, c] = [...triangles.slice(t, t + 3)].map((n) => points.slice(3 * n, 3 * n + 3));
            volume += (a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2])
                + a[2] * (b[0] * c[1] - b[1] * c[0])) / 6;
        }
        return volume;
    })()
"""


def test_the_surface_of_a_mask_encloses_its_volume_and_faces_outwards(visitor, phantom):
    visitor.page.mouse.click(*visitor.place(phantom.centres_mm[0]))
    visitor.revision(1)
    visitor.wait_for("synthfm3d.viewer.nv.meshes.length === 1")
    (found,) = visitor.scan["objects"]
    # By the divergence theorem, a surface that faces inwards has a negative volume; smoothing takes some.
    assert visitor.see(SURFACE_VOLUME) == pytest.approx(1000 * found["volume_ml"], rel=0.15)


def test_a_hidden_object_has_no_surface_and_an_undone_one_neither(visitor, phantom):
    visitor.page.mouse.click(*visitor.place(phantom.centres_mm[0]))
    visitor.revision(1)
    visitor.wait_for("synthfm3d.viewer.nv.meshes.length === 1")
    visitor.page.get_by_label("Hide Object 1").click()
    assert visitor.see("synthfm3d.viewer.nv.meshes[0].visible") is False
    visitor.page.click("#undo")
    visitor.revision(2)
    visitor.wait_for("synthfm3d.viewer.nv.meshes.length === 0")


def test_the_table_under_the_patient_is_clear_in_3d_and_stays_in_the_planes(visitor, tmp_path):
    _, y, x = np.ogrid[:24, :60, :60]
    voxels = np.full((24, 60, 60), -1000, np.int16)
    voxels[np.broadcast_to((y - 25) ** 2 + (x - 30) ** 2 < 18**2, voxels.shape)] = 40
    voxels[:, 50:53, 5:55] = 200
    affine = Grid.from_spacing(voxels.shape, (4.0, 4.0, 4.0)).affine
    write_nifti(tmp_path / "on_table.nii.gz", Volume(voxels=voxels, affine=affine, modality="ct"))
    visitor.page.set_input_files("#file", tmp_path / "on_table.nii.gz")
    visitor.wait_for("synthfm3d.workbench.scan?.name === 'on_table.nii.gz'")
    visitor.settle()
    patient, table = (
        visitor.see(f"{_OPACITY}({x}, {59 - y})") for x, y in ((30, 25), (30, 51))
    )  # NiiVue counts rows from the back
    assert patient[3] > 0
    assert table[3] == 0
    assert table[0] > 0


_OPACITY = """((x, y) => {
    const { nv } = synthfm3d.viewer;
    const { gl } = nv;
    const frame = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    gl.framebufferTextureLayer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, nv.volumeTexture, 0, 12);
    const colour = new Uint8Array(4);
    gl.readPixels(x, y, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, colour);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    return [...colour];
})"""
