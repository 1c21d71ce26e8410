"""The bytes of nnInteractive's arrays: recorded ones, those of its client, and lies."""

import struct
import tracemalloc

import blosc2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from synthfm3d.app.viewers.arrays import DTYPES, TooLarge, WireError, pack, unpack

MEBI = 2**20
SCRIBBLE_OF_ONES = bytes.fromhex(
    "4e4e494101010305"
    "75696e7438"
    "010000000000000002000000000000000300000000000000"
    "01000000"
    "06000000000000002600000000000000"
    "0501070106000000060000002600000000000000000005000000000000000000010101010101"
)
"""A uint8 array of ones, shape (1, 2, 3), as version 2.6.0 of the client sends it."""


def body(
    array,
    *,
    magic=b"NNIA",
    version=1,
    codec=1,
    name=None,
    shape=None,
    lengths=None,
    count=1,
    frame=None,
    compressed=None,
    tail=b"",
):
    """A body of one chunk, put together by hand; each part can be a lie."""
    raw = np.ascontiguousarray(array).tobytes()
    name = (array.dtype.name if name is None else name).encode()
    shape = array.shape if shape is None else shape
    frame = blosc2.compress2(raw, typesize=array.dtype.itemsize) if frame is None else frame
    compressed = len(frame) if compressed is None else compressed
    return b"".join(
        [
            struct.pack("<4sBBBB", magic, version, codec, len(shape), len(name)),
            name,
            struct.pack(f"<{len(shape)}q", *shape),
            struct.pack("<I", count),
            struct.pack("<QQ", len(raw) if lengths is None else lengths, compressed),
            frame,
            tail,
        ]
    )


VOXELS = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)


def test_the_recorded_scribble_is_decoded():
    found = unpack(SCRIBBLE_OF_ONES, most_bytes=MEBI)
    assert found.dtype == np.uint8
    assert np.array_equal(found, np.ones((1, 2, 3)))


@pytest.mark.parametrize("name", sorted(DTYPES))
def test_an_array_of_each_dtype_comes_back_as_it_was(name):
    array = (np.arange(30).reshape(2, 3, 5) % 2).astype(name)
    found = unpack(pack(array), most_bytes=MEBI)
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


def test_a_body_put_together_by_hand_is_decoded():
    assert np.array_equal(unpack(body(VOXELS), most_bytes=MEBI), VOXELS)


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 3), (1, 64, 64)])
def test_an_array_of_zeros_comes_back(shape):
    zeros = np.zeros(shape, np.uint8)
    assert np.array_equal(unpack(pack(zeros), most_bytes=MEBI), zeros)


def test_an_array_in_another_order_of_memory_comes_back():
    turned = np.asfortranarray(VOXELS)[:, ::-1].astype(">i2")
    assert np.array_equal(unpack(pack(turned), most_bytes=MEBI), turned)


LIES = {
    "an empty body": b"",
    "wrong magic": body(VOXELS, magic=b"NNIB"),
    "version 2": body(VOXELS, version=2),
    "unknown codec": body(VOXELS, codec=3),
    "dtype object": body(VOXELS, name="object"),
    "dtype of text": body(VOXELS, name="str32"),
    "dtype with a count": body(VOXELS, name="9int16"),
    "a shape of 2^40 voxels": body(VOXELS, shape=(2**20, 2**20, 1)),
    "a shape of 2^180 voxels": body(VOXELS, shape=(2**60, 2**60, 2**60)),
    "a negative side": body(VOXELS, shape=(-2, -3, 4)),
    "a side of zero": body(VOXELS, shape=(0, 3, 4)),
    "no axis": body(VOXELS, shape=()),
    "255 axes": body(VOXELS)[:6] + b"\xff" + body(VOXELS)[7:],
    "a shape that is too small": body(VOXELS, shape=(1, 3, 4)),
    "a length that the frame does not have": body(VOXELS, shape=(2, 3, 8), lengths=96),
    "an odd length": body(VOXELS, lengths=47),
    "a chunk of 2^63 bytes": body(VOXELS, shape=(2**62, 1, 1), lengths=2**63),
    "a compressed length beyond the end": body(VOXELS, compressed=2**40),
    "no chunk": body(VOXELS, count=0),
    "two chunks of which there is one": body(VOXELS, count=2),
    "2^32 - 1 chunks": body(VOXELS, count=2**32 - 1),
    "something behind the array": body(VOXELS, tail=b"\0"),
    "no frame": body(VOXELS, frame=b"\xff" * 64),
    "a frame that is too short": body(VOXELS, frame=b"abc"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lying_body_is_refused_and_no_memory_is_asked_for(lie):
    tracemalloc.start()
    with pytest.raises(WireError):
        unpack(lie, most_bytes=2**50)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEBI


@pytest.mark.parametrize("length", range(0, len(SCRIBBLE_OF_ONES)))
def test_a_body_that_is_cut_off_anywhere_is_refused(length):
    with pytest.raises(WireError):
        unpack(SCRIBBLE_OF_ONES[:length], most_bytes=MEBI)


def test_an_honest_array_that_is_too_large_is_refused_before_memory_is_asked_for():
    zeros = pack(np.zeros((64, 1024, 1024), np.uint8))
    assert len(zeros) < 10_000  # zeros take next to nothing: a bomb
    tracemalloc.start()
    with pytest.raises(TooLarge, match="67,108,864"):
        unpack(zeros, most_bytes=2**26 - 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEBI


def test_an_array_of_another_shape_than_expected_is_refused():
    with pytest.raises(WireError, match="axes"):
        unpack(pack(VOXELS), most_bytes=MEBI, axes=4)
    with pytest.raises(WireError, match="shape"):
        unpack(pack(VOXELS), most_bytes=MEBI, shape=(2, 4, 3))


def test_a_boolean_array_holds_nothing_but_true_and_false():
    odd = np.array([0, 1, 2, 255], np.uint8)
    found = unpack(body(odd, name="bool"), most_bytes=MEBI)
    assert found.dtype == bool
    assert found.view(np.uint8).tolist() == [0, 1, 1, 1]


@given(
    npst.arrays(
        st.sampled_from(["uint8", "int16", "float32"]), npst.array_shapes(min_dims=1, max_dims=4, max_side=6)
    )
)
def test_any_array_comes_back(array):
    assert unpack(pack(array), most_bytes=MEBI).tobytes() == array.tobytes()


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_body_gives_an_array_of_the_claimed_size_or_is_refused(data):
    damaged = bytearray(pack(VOXELS))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = unpack(bytes(damaged), most_bytes=MEBI)
    except (WireError, TooLarge):
        return
    assert found.size * found.dtype.itemsize == VOXELS.nbytes


@given(st.binary(max_size=200))
def test_random_bytes_are_no_array(noise):
    with pytest.raises(WireError):
        unpack(noise, most_bytes=MEBI)


# ---------------------------------------------------------------- the real client


def test_the_real_client_decodes_our_arrays_and_we_decode_its():
    serialization = pytest.importorskip("nnInteractive.inference.remote.serialization")
    mask = np.zeros((5, 6, 7), np.uint8)
    mask[1:3, 2:5, 3:7] = 1
    image = np.arange(5 * 6 * 7, dtype=np.int16).reshape(1, 5, 6, 7) - 50
    for array in (mask, image, image.astype(np.float32), np.zeros_like(mask)):
        assert np.array_equal(serialization.unpack_array(pack(array)), array)
        assert np.array_equal(unpack(serialization.pack_array(array), most_bytes=MEBI), array)
