"""Which metrics the report shows, by theme and in which order, and what it calls them."""

from tessera.data.schema import FIELDS
from tessera.evaluation import figures, scores, spectrum, verdict

WINDOWS = {"first_5": "steps 1 to 5", "6_to_12": "steps 6 to 12", "after_12": "after step 12"}
SHORT = {
    "hotspot_area_rate_rmse": "area rate",
    "hotspot_temperature_rate_rmse": "temperature rate",
    "hotspot_iou": "overlap",
}
SAID = {
    "hotspot_iou": "overlap of hotspots (intersection over union)",
    "hotspot_mismatch": "snapshots where only one of the two has a hotspot",
    "hotspot_area_curve_rmse": "hotspot area, mean curve over cases",
    "hotspot_temperature_curve_rmse": "hotspot temperature, mean curve over cases",
    "hotspot_area_rate_curve_rmse": "rate of hotspot area, mean curve over cases",
    "hotspot_temperature_rate_curve_rmse": "rate of hotspot temperature, mean curve over cases",
    "hotspot_temperature_zero_rmse": "hotspot temperature, 0 K where there is none",
    "hotspot_temperature_zero_rate_rmse": "its rate, 0 K where there is none",
    "hotspot_temperature_zero_curve_rmse": "its mean curve over cases, 0 K where there is none",
    "hotspot_temperature_zero_rate_curve_rmse": "rate of that mean curve, 0 K where there is none",
    "hotspot_onset_error": "time of the first hotspot",
    "hotspot_onset_missed": "share where only one of the two ever ignites",
    "hotspot_count_error": "number of hotspots",
    "hotspot_matched_area_error": "area of hotspots, compared one by one",
    "pore_area_rmse": "pore area",
    "pore_area_regrowth_error": "pore area that grows again",
    "diverged": "snapshots that are not finite",
    "temperature_wasserstein": "distribution of temperature (Wasserstein)",
    "temperature_wasserstein_hot": "its part above 600 K",
    "temperature_q95_error": "95th percentile of temperature",
    "temperature_q99_error": "99th percentile of temperature",
    "temperature_q99_9_error": "99.9th percentile of temperature",
    "front_position_error": "position of the front",
    "front_position_bias": "bias of the front",
    "front_position_rms": "position of the front, root mean square",
    "front_position_cells": "the same in stored cells",
    "front_steepest_error": "place of the steepest pressure",
    "front_speed_error": "speed of the front",
    "front_thickness_error": "thickness of the front, 10 to 90 %",
    "front_thickness_bias": "bias of the thickness",
    "front_overshoot_error": "overshoot behind the front, over the plateau",
    **{f"hotspot_area_{level:.0f}K_rmse": f"area above {level:.0f} K" for level in scores.SWEEP},
    **{f"temperature_spectrum_{band}": f"spectrum of temperature, {band} waves" for band in spectrum.BANDS},
    **{f"temperature_spectral_error_{band}": f"power of the error, {band} waves" for band in spectrum.BANDS},
}
for _name in ("hotspot_area", "hotspot_temperature", "temperature"):
    _what = figures.LOOKS["temperature"].label + " field" if _name == "temperature" else _name.replace("_", " ")
    SAID |= {
        f"{_name}_crps": f"{_what}, CRPS of the members",
        f"{_name}_spread": f"{_what}, spread of the members",
        f"{_name}_spread_skill": f"{_what}, spread over error",
        f"{_name}_coverage": f"{_what}, share within the members",
        f"{_name}_calibration_error": f"{_what}, observed less nominal coverage",
    }
SAID["temperature_energy"] = "temperature field, energy score"
for _name in FIELDS:
    _what = figures.LOOKS[_name].label
    SAID |= {
        f"{_name}_rmse": _what,
        f"{_name}_nrmse": f"{_what}, error over range (NRMSE)",
        f"{_name}_vrmse": f"{_what}, error over deviation (VRMSE)",
        f"{_name}_correlation": f"{_what}, correlation",
        f"{_name}_mean_error": f"{_what}, mean of a snapshot",
        f"{_name}_survival": f"{_what}, part of the roll-out before VRMSE passes 1",
        f"{_name}_survival_correlation": f"{_what}, part before correlation falls below 0.8",
    }
    for _window, _steps in WINDOWS.items():
        SAID |= {
            f"{_name}_{kind}_{_window}": f"{_what}, {kind.upper()} of {_steps}" for kind in ("rmse", "nrmse", "vrmse")
        }

THEMES = {
    "hotspots": (
        *list(verdict.HEADLINES)[:4],
        "hotspot_iou",
        "hotspot_mismatch",
        "hotspot_onset_error",
        "hotspot_onset_missed",
        "hotspot_count_error",
        "hotspot_matched_area_error",
        *(f"hotspot_area_{level:.0f}K_rmse" for level in scores.SWEEP),
        *(name for name in SAID if name.endswith("curve_rmse") and name.startswith("hotspot")),
        "hotspot_temperature_zero_rmse",
        "hotspot_temperature_zero_rate_rmse",
        "pore_area_rmse",
        "pore_area_regrowth_error",
    ),
    "fields": (
        *(f"{name}_{kind}" for kind in ("rmse", "nrmse", "vrmse", "correlation", "mean_error") for name in FIELDS),
        *(f"temperature_{kind}_{window}" for kind in ("rmse", "nrmse", "vrmse") for window in WINDOWS),
        *(f"{name}_{kind}" for kind in ("survival", "survival_correlation") for name in FIELDS),
        "diverged",
    ),
    "structure": tuple(
        name
        for name in SAID
        if name.startswith(("front_", "temperature_wasserstein", "temperature_q", "temperature_spe"))
    ),
    "members": tuple(
        f"{name}_{kind}"
        for name in ("hotspot_area", "hotspot_temperature", "temperature")
        for kind in ("crps", "energy", "spread", "spread_skill", "coverage", "calibration_error")
    ),
}
CAPTIONS = {
    "hotspots": "Hotspots and pores. In the error of a mean curve, taken over cases first, errors of cases cancel.",
    "fields": "Fields. A relative error of 1 is that of the truth's mean; 1 is also a roll-out that was never lost.",
    "structure": "Front, distribution and spectrum. A spectrum is 1 off where its power is wrong by a factor of ten.",
    "members": "Members, of models that have some: calibrated where spread over error is 1.",
}


def called(metric: str) -> str:
    """Return what a metric is called."""
    return SAID.get(metric) or verdict.HEADLINES[metric]


def titled(metric: str) -> str:
    """Return the title of the column of a headline score, with its unit."""
    return figures.labelled(SHORT.get(metric, verdict.HEADLINES[metric]), scores.units()[metric])
