"""A new SAM 2: the configuration of transformers' ``Sam2VideoModel``, and random weights.

transformers derives no setting from another one: if only ``image_size`` is set, the model fails at the first
tracked slice. So every dependent setting is derived here.

transformers also draws the weights of every layer from N(0, 0.02), which is meant for models whose weights a
checkpoint replaces. A model that is trained from weights this small ignores its prompts. The code of Meta
keeps the distributions of torch outside the encoder, and so does ``fresh_network``. Besides, a new
``Sam2VideoModel`` has two different random Fourier bases, one for clicks and one for the image, so that
clicks have no place in the image; SAM 2 has one basis for both.
"""

import torch
from torch import nn
from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VisionConfig
from transformers.models.sam2_video.configuration_sam2_video import (
    Sam2VideoMaskDecoderConfig,
    Sam2VideoPromptEncoderConfig,
)

from synthfm3d.model.sam2 import Sam2Network
from synthfm3d.model.sam2_sizes import SIZES, Sam2Settings, check_image_size


def configuration_of(settings: Sam2Settings) -> Sam2VideoConfig:
    """The configuration of a size of SAM 2 at a size of the image."""
    size = SIZES[settings.size]
    backbone = Sam2HieraDetConfig(
        hidden_size=size.widths[0],
        num_attention_heads=size.heads[0],
        blocks_per_stage=list(size.blocks),
        embed_dim_per_stage=list(size.widths),
        num_attention_heads_per_stage=list(size.heads),
        window_size_per_stage=list(size.windows),
        global_attention_blocks=list(size.global_blocks),
        window_positional_embedding_background_size=[size.background] * 2,
    )
    configuration = Sam2VideoConfig(
        # Sub-configurations as objects: transformers 5.17 takes dictionaries for the wrong class.
        vision_config=Sam2VisionConfig(
            backbone_config=backbone,
            backbone_channel_list=list(size.widths)[::-1],
            fpn_hidden_size=size.hidden,
        ),
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(hidden_size=size.hidden),
        mask_decoder_config=Sam2VideoMaskDecoderConfig(
            hidden_size=size.hidden, mlp_dim=size.decoder_hidden, iou_head_hidden_dim=size.hidden
        ),
        memory_attention_hidden_size=size.hidden,
        memory_attention_num_layers=size.memory_layers,
        memory_attention_feed_forward_hidden_size=size.memory_hidden,
        memory_attention_dropout=settings.dropout,
        memory_attention_rope_dropout=settings.dropout,
        memory_encoder_hidden_size=size.hidden,
        mask_downsampler_embed_dim=size.hidden,
        memory_fuser_embed_dim=size.hidden,
        memory_fuser_intermediate_dim=size.fuser_hidden,
        enable_temporal_pos_encoding_for_object_pointers=settings.version == "2.1",
        enable_occlusion_spatial_embedding=settings.version == "2.1",
    )
    set_image_size(configuration, settings.image_size)
    return configuration


def set_image_size(configuration: Sam2VideoConfig, image_size: int) -> None:
    """Give a configuration, in place, another size of the image and all that follows from it."""
    check_image_size(image_size)
    configuration.image_size = image_size
    configuration.prompt_encoder_config.image_size = image_size
    configuration.vision_config.backbone_config.image_size = [image_size] * 2
    configuration.vision_config.backbone_feature_sizes = [[image_size // n] * 2 for n in (4, 8, 16)]
    configuration.memory_attention_rope_feat_sizes = [image_size // 16] * 2


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
