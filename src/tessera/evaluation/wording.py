"""Which metrics the report shows, in which order, and what it calls them."""

from tessera.evaluation import figures, measures, spectrum, verdict

SCORED = (
    *verdict.HEADLINES,
    "hotspot_iou",
    "hotspot_mismatch",
    "hotspot_area_crps",
    "hotspot_temperature_crps",
    "pore_area_rmse",
    "pressure_rmse",
    "microstructure_rmse",
    "velocity_x_rmse",
    "velocity_y_rmse",
    "density_rmse",
)
SAID = {
    "hotspot_iou": "overlap of hotspots (intersection over union)",
    "hotspot_mismatch": "snapshots where only one of the two has a hotspot",
    "hotspot_area_crps": "hotspot area, CRPS of the members",
    "hotspot_temperature_crps": "hotspot temperature, CRPS of the members",
    "pore_area_rmse": "pore area",
    "temperature_vrmse": "temperature, error over deviation (VRMSE)",
    "temperature_vrmse_first_5": "VRMSE of steps 1 to 5",
    "temperature_vrmse_6_to_12": "VRMSE of steps 6 to 12",
    "temperature_vrmse_after_12": "VRMSE after step 12",
    "temperature_survival": "part of the roll-out before VRMSE passes 1",
    "hotspot_count_error": "number of hotspots",
    "hotspot_matched_area_error": "area of hotspots, compared one by one",
    "hotspot_onset_error": "time of the first hotspot",
    "temperature_wasserstein": "distribution of temperature (Wasserstein)",
    "temperature_tail_error": "99th percentile of temperature",
    "front_position_error": "position of the front",
    "front_speed_error": "speed of the front",
    "hotspot_area_curve_rmse": "hotspot area, mean curve over cases",
    "hotspot_temperature_curve_rmse": "hotspot temperature, mean curve over cases",
    "hotspot_area_coverage": "hotspot area, share within the members",
    "hotspot_temperature_coverage": "hotspot temperature, share within the members",
    "hotspot_area_spread_skill": "hotspot area, spread over error",
    "hotspot_temperature_spread_skill": "hotspot temperature, spread over error",
    **{f"hotspot_area_{threshold:.0f}K_error": f"area above {threshold:.0f} K" for threshold in measures.SWEEP},
    **{f"temperature_spectrum_{band}": f"spectrum of temperature, {band} waves" for band in spectrum.BANDS},
}
FURTHER = tuple(name for name in SAID if name not in SCORED)


def called(metric: str) -> str:
    """Return what a metric is called."""
    return verdict.HEADLINES.get(metric) or SAID.get(metric) or figures.LOOKS[metric.removesuffix("_rmse")].label
