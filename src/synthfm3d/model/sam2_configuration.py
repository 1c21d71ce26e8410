"""The configuration of transformers' ``Sam2VideoModel``, every dependent setting derived in one place.

transformers derives nothing: a model whose ``image_size`` alone is set fails at the first tracked slice.
"""

from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VisionConfig
from transformers.models.sam2_video.configuration_sam2_video import (
    Sam2VideoMaskDecoderConfig,
    Sam2VideoPromptEncoderConfig,
)

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
