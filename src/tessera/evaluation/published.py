"""Networks as published, to see beside ours: parameters and operations, counted by running the public code.

Operations are floating-point operations, twice the multiplications with addition. Sources: PARCtorch 0.3.0 (commit
52adf47); the code of Nguyen et al., PARCv2, ICML 2024 (hphong1990/PARCv2, 9311641); of Nguyen et al., Sci. Adv. 9,
eadd6868 (baeklab/parc); LatentPARC (32c75df; arXiv:2509.12401); Multiscale-Latent-Dynamics (64e2a0b;
arXiv:2506.12996); The Well (215f55d; arXiv:2412.00568).
"""

from collections.abc import Mapping
from typing import NamedTuple

from tessera.evaluation.page import Cell, Table


class Published(NamedTuple):
    """A published network.

    Attributes
    ----------
    name, source
        How it is called and where it is from.
    parameters
        Number of trained parameters.
    operations
        Floating-point operations of what `per` says; None where they were not counted.
    per
        What the operations are for.
    """

    name: str
    source: str
    parameters: int
    operations: float | None = None
    per: str = ""


NETWORKS = {
    "parctorch": Published("PARCv2", "PARCtorch 0.3.0", 19_229_509, 1.255e12, "Runge-Kutta step, 128 × 256"),
    "parcv2-icml": Published(
        "PARCv2 with integrator", "PARCv2, ICML 2024", 23_452_618, 1.255e12, "step less integrator, 128 × 256"
    ),
    "parc": Published("PARC", "Sci. Adv. 2023", 17_852_868),
    "latentparc": Published("LatentPARC", "arXiv:2509.12401", 1_264_755, 2.07e10, "latent step, 128 × 256"),
    "mld-maps": Published("latent maps", "arXiv:2506.12996", 25_341_600, 7.1e9, "micro step, 20 × 32 tokens"),
    "mld-tokenizer": Published(
        "tokenizers of three fields", "arXiv:2506.12996", 36_341_403, 2.53e11, "decoding of a frame, 160 × 256"
    ),
    "cnext": Published("CNextU-Net", "The Well", 18_571_565, 1.93e10, "step, 128 × 256"),
    "unet": Published("U-Net", "The Well", 17_462_453, 2.72e10, "step, 128 × 256"),
}
KIN = {  # by the kind of our model
    "tessera": ("mld-maps", "mld-tokenizer"),
    "parcv1": ("parc",),
    "parcv2": ("parcv2-icml",),
    "latentparc": ("latentparc",),
    "cnext": ("cnext",),
}


def beside(kinds: Mapping[str, str]) -> dict[str, str]:
    """Return the published number of parameters by our models, as text, given the kind of each."""
    known = {model: KIN[kind] for model, kind in kinds.items() if kind in KIN}
    return {model: f"{sum(NETWORKS[name].parameters for name in names):,}" for model, names in known.items()}


def table() -> Table:
    """Return the published networks as a table."""
    rows = [
        [
            Cell(one.name),
            Cell(one.source),
            Cell(f"{one.parameters:,}", float(one.parameters)),
            Cell("not counted" if one.operations is None else f"{one.operations / 1e9:,.4g}", one.operations),
            Cell(one.per),
        ]
        for one in NETWORKS.values()
    ]
    caption = "Networks as published, at their widths, counted by running the public code."
    return Table("published", caption, ["network", "source", "parameters", "GFLOP", "per"], rows)
