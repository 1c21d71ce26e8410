"""Conversion of the names of SAM 2's weights between the ``.pt`` files of Meta and transformers.

One table of pairs is used in both directions, so the two conversions agree. ``#`` stands for a number, ``~``
for the end of a name that both share (``weight``, ``attn.qkv.bias`` …). The first line that matches is used.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_TABLE = """
image_encoder.trunk.patch_embed.proj.~                  vision_encoder.backbone.patch_embed.projection.~
image_encoder.trunk.blocks.#.norm#.~                    vision_encoder.backbone.blocks.#.layer_norm#.~
image_encoder.trunk.blocks.#.mlp.layers.0.~             vision_encoder.backbone.blocks.#.mlp.proj_in.~
image_encoder.trunk.blocks.#.mlp.layers.1.~             vision_encoder.backbone.blocks.#.mlp.proj_out.~
image_encoder.trunk.~                                   vision_encoder.backbone.~
image_encoder.neck.convs.#.conv.~                       vision_encoder.neck.convs.#.~
sam_prompt_encoder.mask_downscaling.0.~                 prompt_encoder.mask_embed.conv1.~
sam_prompt_encoder.mask_downscaling.1.~                 prompt_encoder.mask_embed.layer_norm1.~
sam_prompt_encoder.mask_downscaling.3.~                 prompt_encoder.mask_embed.conv2.~
sam_prompt_encoder.mask_downscaling.4.~                 prompt_encoder.mask_embed.layer_norm2.~
sam_prompt_encoder.mask_downscaling.6.~                 prompt_encoder.mask_embed.conv3.~
sam_prompt_encoder.~                                    prompt_encoder.~
sam_mask_decoder.transformer.layers.#.norm#.~           mask_decoder.transformer.layers.#.layer_norm#.~
sam_mask_decoder.transformer.layers.#.mlp.layers.0.~    mask_decoder.transformer.layers.#.mlp.proj_in.~
sam_mask_decoder.transformer.layers.#.mlp.layers.1.~    mask_decoder.transformer.layers.#.mlp.proj_out.~
sam_mask_decoder.transformer.layers.#.self_attn.out_proj.~  mask_decoder.transformer.layers.#.self_attn.o_proj.~
sam_mask_decoder.transformer.layers.#.cross_attn_token_to_image.out_proj.~  mask_decoder.transformer.layers.#.cross_attn_token_to_image.o_proj.~
sam_mask_decoder.transformer.layers.#.cross_attn_image_to_token.out_proj.~  mask_decoder.transformer.layers.#.cross_attn_image_to_token.o_proj.~
sam_mask_decoder.transformer.final_attn_token_to_image.out_proj.~  mask_decoder.transformer.final_attn_token_to_image.o_proj.~
sam_mask_decoder.transformer.norm_final_attn.~          mask_decoder.transformer.layer_norm_final_attn.~
sam_mask_decoder.output_upscaling.0.~                   mask_decoder.upscale_conv1.~
sam_mask_decoder.output_upscaling.1.~                   mask_decoder.upscale_layer_norm.~
sam_mask_decoder.output_upscaling.3.~                   mask_decoder.upscale_conv2.~
sam_mask_decoder.output_hypernetworks_mlps.#.layers.0.~ mask_decoder.output_hypernetworks_mlps.#.proj_in.~
sam_mask_decoder.output_hypernetworks_mlps.#.layers.1.~ mask_decoder.output_hypernetworks_mlps.#.layers.0.~
sam_mask_decoder.output_hypernetworks_mlps.#.layers.2.~ mask_decoder.output_hypernetworks_mlps.#.proj_out.~
sam_mask_decoder.iou_prediction_head.layers.0.~         mask_decoder.iou_prediction_head.proj_in.~
sam_mask_decoder.iou_prediction_head.layers.1.~         mask_decoder.iou_prediction_head.layers.0.~
sam_mask_decoder.iou_prediction_head.layers.2.~         mask_decoder.iou_prediction_head.proj_out.~
sam_mask_decoder.pred_obj_score_head.layers.0.~         mask_decoder.pred_obj_score_head.proj_in.~
sam_mask_decoder.pred_obj_score_head.layers.1.~         mask_decoder.pred_obj_score_head.layers.0.~
sam_mask_decoder.pred_obj_score_head.layers.2.~         mask_decoder.pred_obj_score_head.proj_out.~
sam_mask_decoder.~                                      mask_decoder.~
memory_attention.layers.#.norm#.~                       memory_attention.layers.#.layer_norm#.~
memory_attention.layers.#.self_attn.out_proj.~          memory_attention.layers.#.self_attn.o_proj.~
memory_attention.layers.#.cross_attn_image.out_proj.~   memory_attention.layers.#.cross_attn_image.o_proj.~
memory_attention.norm.~                                 memory_attention.layer_norm.~
memory_attention.~                                      memory_attention.~
memory_encoder.mask_downsampler.encoder.0.~             memory_encoder.mask_downsampler.layers.0.conv.~
memory_encoder.mask_downsampler.encoder.1.~             memory_encoder.mask_downsampler.layers.0.layer_norm.~
memory_encoder.mask_downsampler.encoder.3.~             memory_encoder.mask_downsampler.layers.1.conv.~
memory_encoder.mask_downsampler.encoder.4.~             memory_encoder.mask_downsampler.layers.1.layer_norm.~
memory_encoder.mask_downsampler.encoder.6.~             memory_encoder.mask_downsampler.layers.2.conv.~
memory_encoder.mask_downsampler.encoder.7.~             memory_encoder.mask_downsampler.layers.2.layer_norm.~
memory_encoder.mask_downsampler.encoder.9.~             memory_encoder.mask_downsampler.layers.3.conv.~
memory_encoder.mask_downsampler.encoder.10.~            memory_encoder.mask_downsampler.layers.3.layer_norm.~
memory_encoder.mask_downsampler.encoder.12.~            memory_encoder.mask_downsampler.final_conv.~
memory_encoder.pix_feat_proj.~                          memory_encoder.feature_projection.~
memory_encoder.fuser.layers.#.dwconv.~                  memory_encoder.memory_fuser.layers.#.depthwise_conv.~
memory_encoder.fuser.layers.#.norm.~                    memory_encoder.memory_fuser.layers.#.layer_norm.~
memory_encoder.fuser.layers.#.pwconv#.~                 memory_encoder.memory_fuser.layers.#.pointwise_conv#.~
memory_encoder.fuser.layers.#.gamma                     memory_encoder.memory_fuser.layers.#.scale
memory_encoder.out_proj.~                               memory_encoder.projection.~
mask_downsample.~                                       mask_downsample.~
obj_ptr_proj.layers.0.~                                 object_pointer_proj.proj_in.~
obj_ptr_proj.layers.1.~                                 object_pointer_proj.layers.0.~
obj_ptr_proj.layers.2.~                                 object_pointer_proj.proj_out.~
obj_ptr_tpos_proj.~                                     temporal_positional_encoding_projection_layer.~
maskmem_tpos_enc                                        memory_temporal_positional_encoding
no_mem_embed                                            no_memory_embedding
no_mem_pos_enc                                          no_memory_positional_encoding
no_obj_ptr                                              no_object_pointer
no_obj_embed_spatial                                    occlusion_spatial_embedding_parameter
"""  # noqa: E501 one pair on each line

_PAIRS = [(pair[0], pair[1]) for line in _TABLE.strip().splitlines() if (pair := line.split())]
_POINTS = 4
"""Kinds of points: outside, inside, and the two corners of a box."""
_META_POINT = "sam_prompt_encoder.point_embeddings.{}.weight"
_META_BASIS = "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
_POINT = "prompt_encoder.point_embed.weight"
_BASES = (
    "prompt_encoder.shared_embedding.positional_embedding",
    "shared_image_embedding.positional_embedding",
)


def from_meta(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under Meta's names as weights under those of transformers.

    The four point embeddings become one table, and the Fourier basis is there twice. Names that are not
    in the table are kept, for the loader to complain about.
    """
    rest = dict(weights)
    renamed: dict[str, Tensor] = {}
    points = [rest.pop(name) for n in range(_POINTS) if (name := _META_POINT.format(n)) in rest]
    if points:
        renamed[_POINT] = torch.cat(points)
    if _META_BASIS in rest:
        basis = rest.pop(_META_BASIS)
        renamed |= {name: basis.clone() for name in _BASES}
    return renamed | {_renamed(name, 0): tensor for name, tensor in rest.items()}


def to_meta(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the names of transformers as weights under Meta's, which its own code reads."""
    rest = dict(weights)
    renamed = {_META_POINT.format(n): row.clone() for n, row in enumerate(torch.split(rest.pop(_POINT), 1))}
    renamed[_META_BASIS] = rest.pop(_BASES[0])
    rest.pop(_BASES[1])
    return renamed | {_renamed(name, 1): tensor for name, tensor in rest.items()}


def has_meta_names(weights: Mapping[str, object]) -> bool:
    """Whether weights carry Meta's names."""
    return any(name.startswith(("image_encoder.", "sam_mask_decoder.")) for name in weights)


def _renamed(name: str, side: int) -> str:
    for pair in _PAIRS:
        found = re.fullmatch(_pattern(pair[side]), name)
        if found:
            return re.sub("[#~]", "{}", pair[1 - side]).format(*found.groups())
    return name


def _pattern(template: str) -> str:
    return re.escape(template).replace(r"\#", r"(\d+)").replace(r"\~", "~").replace("~", "(.+)")
