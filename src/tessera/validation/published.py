"""What published simulations of porous HMX at 9.5 GPa say, as numbers with their source and how they were got.

Nobody here made these figures: the simulations are those of SCIMITAR3D, whose fields and pictures the repositories
below publish. `tag` says how a number was got: V read as it stands in the source, D derived from its data or pictures.
Readings of pictures are good to some 5 % in temperature and 10 % in area.

References
----------
PARC: github.com/baeklab/parc (raw fields of 25 um samples). MLD: github.com/ShahabAzarfar/Multiscale-Latent-Dynamics
(ground truth of micro sample 232 and meso sample 24, snapshots 0.172 and 0.395 ns apart). PARCtorch and LatentPARC:
github.com/baeklab (extremes and statistics of their sets).
"""

from typing import NamedTuple


class Figure(NamedTuple):
    """A published range, and by how much a simulation may miss it.

    Attributes
    ----------
    quantity
        What it is, in words.
    unit
        SI.
    low, high
        Range, both ends equal where one number is published.
    slack
        How far beyond the range still agrees, in the unit.
    source, tag
        Where it comes from; V or D.
    simulations
        Of how many the range is that of the worst cell; none where it is no extreme.
    """

    quantity: str
    unit: str
    low: float
    high: float
    slack: float
    source: str
    tag: str
    simulations: int | None = None

    def agrees(self, value: float) -> bool:
        """Whether a value lies in the range or within the slack of it."""
        return self.low - self.slack <= value <= self.high + self.slack


class Sample(NamedTuple):
    """Hotspots of one published sample over its snapshots.

    Attributes
    ----------
    name
        Of the sample.
    snapshots
        Numbers of the snapshots that were read.
    hot, hotter, burnt
        Share of the frame's area above 875, 2500 and 3500 K [1].
    temperature
        Mean temperature above 875 K [K].
    compared
        The snapshots that decide; the others are shown.
    """

    name: str
    snapshots: tuple[int, ...]
    hot: tuple[float, ...]
    hotter: tuple[float, ...]
    burnt: tuple[float, ...]
    temperature: tuple[float, ...]
    compared: tuple[int, ...]


FIGURES = {
    "bulk_pressure": Figure("pressure behind the front", "Pa", 9.35e9, 9.35e9, 0.02 * 9.35e9, "PARCtorch", "D"),
    "bulk_temperature": Figure("once-shocked bulk", "K", 485.0, 502.0, 15.0, "PARC, PARCtorch", "D"),
    "inflow_temperature": Figure("matter fed at the inlet", "K", 540.0, 577.0, 15.0, "PARC, PARCtorch", "D"),
    "plateau_low": Figure("burnt plateau, coolest tenth", "K", 3600.0, 4080.0, 0.0, "PARC, data_01 at 15 ns", "D"),
    "plateau": Figure("burnt plateau, median", "K", 3600.0, 4080.0, 0.0, "PARC, data_01 at 15 ns", "D"),
    "plateau_high": Figure("burnt plateau, hottest tenth", "K", 3600.0, 4080.0, 0.0, "PARC, data_01 at 15 ns", "D"),
    "multiply_shocked": Figure("multiply shocked, unreacted", "K", 540.0, 640.0, 0.0, "PARC, data_01 at 15 ns", "D"),
    "front_speed": Figure("speed of the front", "m/s", 4950.0, 4950.0, 0.02 * 4950.0, "MLD", "D"),
    "contact_speed": Figure("speed of the contact", "m/s", 1000.0, 1000.0, 20.0, "PARCtorch", "V"),
    "growth": Figure("growth of the burnt radius", "m/s", 130.0, 130.0, 0.3 * 130.0, "MLD, snapshots 22 to 27", "D"),
    "pressure_highest": Figure("highest pressure", "Pa", 0.0, 69.72e9, 0.0, "LatentPARC", "V", 134),
    "velocity_lowest": Figure("lowest velocity along x", "m/s", -1995.0, 0.0, 0.0, "LatentPARC", "V", 134),
    "velocity_highest": Figure("highest velocity along x", "m/s", 0.0, 7184.0, 0.0, "LatentPARC", "V", 134),
}

SAMPLES = {
    "micro": Sample(
        "MLD micro sample 232",
        (5, 8, 11, 14, 17),
        (0.0092, 0.0261, 0.0395, 0.0530, 0.0505),
        (0.0003, 0.0102, 0.0218, 0.0355, 0.0348),
        (0.0000, 0.0028, 0.0060, 0.0253, 0.0251),
        (1802.0, 2172.0, 2515.0, 2931.0, 2987.0),
        (5, 8, 11, 14),
    ),
    "meso": Sample(
        "MLD meso sample 24",
        (7, 12, 17, 22, 27),
        (0.0069, 0.0185, 0.0398, 0.0719, 0.1145),
        (0.0017, 0.0071, 0.0215, 0.0522, 0.0928),
        (0.0000, 0.0004, 0.0068, 0.0407, 0.0767),
        (1848.0, 2136.0, 2473.0, 3128.0, 3347.0),
        (7, 12, 17, 22, 27),
    ),
}
THRESHOLDS = (875.0, 2500.0, 3500.0)  # [K]
AREA_SLACK, TEMPERATURE_SLACK = 0.30, 0.10  # of the sample
CENTRAL = (0.1, 0.9)  # quantiles of an ensemble between which a sample is one of its own

__all__ = ["AREA_SLACK", "CENTRAL", "FIGURES", "SAMPLES", "TEMPERATURE_SLACK", "THRESHOLDS", "Figure", "Sample"]
