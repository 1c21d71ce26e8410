"""Every dataset that can be scored, by its name on the command line."""

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.acdc import ACDC
from synthfm3d.evaluation.datasets.amos import AMOS_CT, AMOS_MR
from synthfm3d.evaluation.datasets.btcv import BTCV
from synthfm3d.evaluation.datasets.camus import CAMUS, CAMUS_STILLS
from synthfm3d.evaluation.datasets.cetus import CETUS
from synthfm3d.evaluation.datasets.chaos import CHAOS_CT, CHAOS_MR
from synthfm3d.evaluation.datasets.dataset import Dataset
from synthfm3d.evaluation.datasets.decathlon import DECATHLON
from synthfm3d.evaluation.datasets.flare22 import FLARE22
from synthfm3d.evaluation.datasets.folder import FOLDER
from synthfm3d.evaluation.datasets.micro_ultrasound import MICRO_ULTRASOUND
from synthfm3d.evaluation.datasets.mmwhs import MMWHS_CT, MMWHS_MR
from synthfm3d.evaluation.datasets.nnunet import NNUNET
from synthfm3d.evaluation.datasets.totalsegmentator import TOTALSEGMENTATOR_CT, TOTALSEGMENTATOR_MR

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        CAMUS,
        CAMUS_STILLS,
        AMOS_CT,
        AMOS_MR,
        CHAOS_CT,
        CHAOS_MR,
        ACDC,
        TOTALSEGMENTATOR_CT,
        TOTALSEGMENTATOR_MR,
        BTCV,
        FLARE22,
        MMWHS_CT,
        MMWHS_MR,
        MICRO_ULTRASOUND,
        CETUS,
        *DECATHLON,
        NNUNET,
        FOLDER,
    )
}


def dataset_named(name: str) -> Dataset:
    """The dataset of a name; InputError lists the names that there are."""
    if name not in DATASETS:
        raise InputError(f"{name}: there is no such dataset; known are {', '.join(DATASETS)}.")
    return DATASETS[name]
