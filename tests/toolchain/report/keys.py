"""What every report says, whatever the network."""

REPORT_KEYS = {
    "accuracy": {"float", "integer", "nir", "lava"},
    "equivalence": {"simulators", "samples", "steps", "values_compared", "mismatches"},
    "activity": {"spike_rate"},
    "synops": {"nonzero", "dense", "per_step"},
    "energy": {"nominal_j", "low_j", "high_j", "dynamic_j", "static_j", "per_inference_j"},
    "latency": {"per_step_s", "per_inference_s"},
    "mapping": {"cores", "chips", "fullest_core", "limiting_resource"},
    "versions": {"seamount"},
}
