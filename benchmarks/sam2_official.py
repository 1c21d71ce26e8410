"""Compare propagation through slices: this package and the session of transformers.

``python -m benchmarks.sam2_official ours 60 5`` runs it once with 60 slices and 5 objects, and prints the
peak memory of the process in MiB (Linux). Memory is measured in a separate process.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from transformers import Sam2VideoInferenceSession

from synthfm3d.model.sam2 import Sam2Network
from synthfm3d.model.sam2_configuration import fresh_network
from synthfm3d.model.sam2_propagation import SliceStack, propagate
from synthfm3d.model.sam2_sizes import Sam2Settings, SizeName
from synthfm3d.model.sam2_slice import SlicePrompt

PROMPTED = 0


def network_of(size: SizeName, image_size: int) -> Sam2Network:
    """A network with random weights that finds an object on every slice, so that propagation never ends."""
    network = fresh_network(Sam2Settings(size=size, image_size=image_size), seed=0).eval()
    with torch.no_grad():
        network.sam.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(10.0)
    return network


def slice_at(index: int, size: int) -> Tensor:
    """A slice of noise (3, y, x), computed from its number, so that slices need not be stored."""
    return torch.randn(3, size, size, generator=torch.Generator().manual_seed(index))


def prompts(objects: int, size: int) -> list[SlicePrompt]:
    """A click for each object."""
    places = torch.linspace(0.2, 0.8, objects) * size
    one = torch.ones(1, dtype=torch.int32)
    return [SlicePrompt(torch.stack([place, place])[None], one) for place in places]


def ours(network: Sam2Network, slices: int, objects: int) -> Iterator[Tensor]:
    """Low-resolution logits, slice by slice."""
    size = network.image_size
    stack = SliceStack(slices, lambda index: slice_at(index, size))
    for _, decoded in propagate(network, stack, {PROMPTED: prompts(objects, size)}):
        yield decoded.best


def official(network: Sam2Network, slices: int, objects: int) -> Iterator[Tensor]:
    """The same from transformers' own session."""
    size = network.image_size
    video = torch.stack([slice_at(index, size) for index in range(slices)])
    session = Sam2VideoInferenceSession(video=video, video_height=size, video_width=size, dtype=torch.float32)
    for number, prompt in enumerate(prompts(objects, size)):
        place = session.obj_id_to_idx(number)
        inputs = {"point_coords": prompt.points[None, None], "point_labels": prompt.labels[None, None]}
        session.add_point_inputs(place, PROMPTED, inputs)
    session.obj_with_new_inputs = list(range(objects))
    yield network.sam(session, frame_idx=PROMPTED).pred_masks
    for answer in network.sam.propagate_in_video_iterator(session, start_frame_idx=PROMPTED):
        if answer.frame_idx != PROMPTED:
            yield answer.pred_masks


WAYS = {"ours": ours, "official": official}


def peak_mib(way: str, slices: int, objects: int) -> float:
    """Peak memory of a separate process."""
    command = [sys.executable, "-m", "benchmarks.sam2_official", way, str(slices), str(objects)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    way, slices, objects = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    for _ in WAYS[way](network_of("micro", 256), slices, objects):
        pass
    # Not getrusage: there a process inherits the peak of the one that started it.
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


if __name__ == "__main__":
    main()
