"""Random weights from which SAM 2 learns.

transformers draws every layer from N(0, 0.02), as suits weights that a checkpoint will replace: so small
that the prompt drowns, and a model trained from them stays blind to it. Meta's code keeps torch's
own distributions outside the encoder. And a fresh ``Sam2VideoModel`` has two random Fourier bases, one for
clicks and one for the image, where SAM 2 has one: clicks would point nowhere.
"""

import torch
from torch import nn

from synthfm3d.model.sam2 import Sam2Network
from synthfm3d.model.sam2_configuration import configuration_of
from synthfm3d.model.sam2_sizes import Sam2Settings


def fresh_network(settings: Sam2Settings, seed: int) -> Sam2Network:
    """A network with random weights that are a function of the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Sam2Network(configuration_of(settings))
        _initialise(network)
    return network


@torch.no_grad()
def _initialise(network: Sam2Network) -> None:
    sam = network.sam
    # A copy, not a shared buffer: safetensors refuses to store one tensor under two names.
    sam.prompt_encoder.shared_embedding.positional_embedding.copy_(
        sam.shared_image_embedding.positional_embedding
    )
    for part in (
        sam.vision_encoder.neck,
        sam.prompt_encoder,
        sam.mask_decoder,
        sam.memory_attention,
        sam.memory_encoder,
        sam.mask_downsample,
        sam.object_pointer_proj,
        sam.temporal_positional_encoding_projection_layer,
    ):
        for module in part.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)):
                module.reset_parameters()
    for name in (
        "no_memory_embedding",
        "no_memory_positional_encoding",
        "memory_temporal_positional_encoding",
        "no_object_pointer",
        "occlusion_spatial_embedding_parameter",
    ):
        parameter = getattr(sam, name)
        if parameter is not None:
            nn.init.trunc_normal_(parameter, std=0.02)
    for layer in sam.memory_encoder.memory_fuser.layers:
        layer.scale.fill_(network.configuration.memory_fuser_layer_scale_init_value)
