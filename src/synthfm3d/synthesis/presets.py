"""Presets: settings by name. Data, not code: each is what differs from the default."""

from synthfm3d.synthesis.settings import (
    AnatomySettings,
    BoundarySettings,
    ContrastSettings,
    FamilyShares,
    LayoutShares,
    NoiseSettings,
    SynthesisSettings,
)

PRESETS: dict[str, SynthesisSettings] = {
    "default": SynthesisSettings(),
    "ct": SynthesisSettings(modalities=("ct",)),
    "mr": SynthesisSettings(modalities=("mr",)),
    "us": SynthesisSettings(modalities=("us",)),
    # One plane of a beating heart over time, as echocardiography is evaluated.
    "cine-us": SynthesisSettings(
        shape=(32, 192, 192),
        modalities=("us",),
        third_axis="time",
        pixel_mm=(0.5, 1.0),
        noise=NoiseSettings(us_probes=("phased",)),
    ),
    # The recipe of arXiv 2601.12297 as far as it is published: slice-recursive masks that are born,
    # grow, erode and drift; multi-scale Gaussian textures under random intensities; partial volume by
    # slice-wise blur; Gaussian noise. Its ranges are not published, these are ours.
    "paper": SynthesisSettings(
        modalities=("ct",),
        anatomy=AnatomySettings(
            layouts=LayoutShares(trunk=0.0, abdomen=0.0, heart=0.0, head=0.0, free=1.0),
            families=FamilyShares(ellipsoid=0.0, stack=1.0, star=0.0, superquadric=0.0, sausage=0.0),
            neighbourhood_share=0.0,
            twin_share=0.0,
            lesion_share=0.0,
            trunks=(0, 0),
            trees=(0, 0),
            sheet_share=0.0,
        ),
        contrast=ContrastSettings(mixture_share=1.0),
        boundary=BoundarySettings(shield_share=0.0, fade_share=0.0, rim_share=0.0),
        noise=NoiseSettings(
            ct_noise_peak_per_mm=(0.0, 0.0),
            ct_slice_correlation=(0.0, 0.0),
            ct_ring_share=0.0,
            ct_metal_share=0.0,
        ),
    ),
}
