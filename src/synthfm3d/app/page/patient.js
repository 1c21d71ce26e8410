// In 3-D, only the patient is shown of a CT scan: the table under them is made clear.
//
// NiiVue keeps the scan as a texture of colours and opacities. Its planes use the colours alone, so the opacity
// outside the patient can be set to nothing for the 3-D pane.

const CORNERS = `#version 300 es
in vec2 place;
out vec2 across;
void main() { across = place; gl_Position = vec4(2.0 * place - 1.0, 0.0, 1.0); }`;
const CLEAR_OUTSIDE = `#version 300 es
precision highp float;
precision highp sampler3D;
uniform sampler3D patient;
uniform float depth;
in vec2 across;
out vec4 colour;
void main() { if (texture(patient, vec3(across, depth)).r > 0.5) discard; colour = vec4(0.0); }`;
const UNIT = 12; // texture unit that NiiVue does not use

export class PatientOnly {
  constructor(nv) {
    this.nv = nv;
    this.mask = null;
    this.done = new WeakSet(); // textures that are clear outside the patient
  }

  /** Mask {shape: [nz, ny, nx], bits} along S, A, R of the scan that is shown next, or null: all is shown. */
  set(mask) {
    if (this.mask) this.nv.gl.deleteTexture(this.mask);
    this.mask = mask && this.#textureOf(mask);
  }

  /** Before the scan is drawn in 3-D: NiiVue makes a new texture for every change of the window. */
  apply() {
    const { volumeTexture, volumes } = this.nv;
    if (!this.mask || !volumeTexture || this.done.has(volumeTexture)) return;
    this.done.add(volumeTexture);
    const { gl } = this.nv;
    const [, width, height, depth] = volumes[0].dimsRAS;
    const frame = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    gl.viewport(0, 0, width, height);
    for (const one of [gl.BLEND, gl.DEPTH_TEST, gl.CULL_FACE]) gl.disable(one);
    gl.colorMask(false, false, false, true); // the opacity alone
    this.program ??= programOf(gl);
    gl.useProgram(this.program.own);
    gl.bindVertexArray(this.program.corners);
    gl.uniform1i(this.program.patient, UNIT);
    gl.activeTexture(gl.TEXTURE0 + UNIT);
    gl.bindTexture(gl.TEXTURE_3D, this.mask);
    for (let z = 0; z < depth; z++) {
      gl.framebufferTextureLayer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, volumeTexture, 0, z);
      gl.uniform1f(this.program.depth, (z + 0.5) / depth);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    }
    gl.colorMask(true, true, true, true);
    gl.bindVertexArray(null);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.deleteFramebuffer(frame);
    gl.viewport(0, 0, gl.canvas.width, gl.canvas.height);
  }

  #textureOf({ shape: [nz, ny, nx], bits }) {
    const { gl } = this.nv;
    const packed = Uint8Array.from(atob(bits), (one) => one.charCodeAt(0));
    const values = Uint8Array.from({ length: nx * ny * nz }, (_, n) => (packed[n >> 3] & (128 >> (n & 7)) ? 255 : 0));
    const texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0 + UNIT);
    gl.bindTexture(gl.TEXTURE_3D, texture);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8, nx, ny, nz, 0, gl.RED, gl.UNSIGNED_BYTE, values);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_3D, filter, gl.LINEAR);
    for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) {
      gl.texParameteri(gl.TEXTURE_3D, wrap, gl.CLAMP_TO_EDGE);
    }
    return texture;
  }
}

function programOf(gl) {
  const own = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, CORNERS], [gl.FRAGMENT_SHADER, CLEAR_OUTSIDE]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(own, shader);
  }
  gl.linkProgram(own);
  const corners = gl.createVertexArray();
  gl.bindVertexArray(corners);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
  const place = gl.getAttribLocation(own, "place");
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, 2, gl.FLOAT, false, 0, 0);
  const [patient, depth] = ["patient", "depth"].map((name) => gl.getUniformLocation(own, name));
  return { own, corners, patient, depth };
}
