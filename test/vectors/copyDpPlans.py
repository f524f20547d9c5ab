"""Writes dp-plans.json: other people's figures for the plans that `consilium budget epsilon` prices.

Run: python3 test/vectors/copyDpPlans.py REFERENCE_FILE > test/vectors/dp-plans.json
"""
import json
import sys


def gaussian(e):
    return {"mechanism": "poisson-gaussian", "samplingRate": e["q"], "noiseMultiplier": e["sigma"], "steps": e["steps"]}


SEGMENTS = {
    "calibration": lambda e: [gaussian(e)],
    "gaussian_exact": lambda e: [gaussian(e)],
    "poisson_gaussian_one_step_exact": lambda e: [gaussian(e)],
    "poisson_gaussian": lambda e: [gaussian(e)],
    "poisson_gaussian_hetero": lambda e: [gaussian(s) for s in e["segments"]],
    "laplace": lambda e: [{"mechanism": "laplace", "scale": e["parameter"], "sensitivity": e["sensitivity"],
                           "count": e["steps"]}],
    "poisson_laplace": lambda e: [{"mechanism": "poisson-laplace", "samplingRate": e["q"], "scale": e["parameter"],
                                   "sensitivity": 1, "count": e["steps"]}],
    "discrete_gaussian": lambda e: [{"mechanism": "discrete-gaussian", "samplingRate": e["q"],
                                     "noiseMultiplier": e["sigma"] / e["sensitivity"],
                                     "sensitivity": e["sensitivity"], "steps": e["steps"]}],
    "discrete_laplace": lambda e: [{"mechanism": "discrete-laplace", "samplingRate": e["q"],
                                    "scale": 1 / e["parameter"], "sensitivity": e["sensitivity"],
                                    "count": e["steps"]}],
    "zcdp": lambda e: [{"mechanism": "zcdp", "rho": e["rho"], "xi": e["xi"], "count": e["steps"]}],
    "wor_gaussian": lambda e: [{"mechanism": "gaussian-without-replacement", "batch": e["batch_size"],
                                "population": e["dataset_size"], "noiseMultiplier": e["sigma"],
                                "steps": e["steps"], "adjacency": "replace"}],
}
FIGURES = {"RdpAccountant": "rdp", "RDPAccountant": "rdp", "PLDAccountant": "pld"}

plans = {}
for entry in json.load(open(sys.argv[1]))["entries"]:
    if entry["kind"] not in SEGMENTS or "error" in entry or entry["accountant"] == "PRVAccountant":
        continue
    key = json.dumps({"delta": entry["delta"], "segments": SEGMENTS[entry["kind"]](entry)})
    exact = entry["library"] == "closed form"
    name = "exact" if exact else FIGURES.get(entry["accountant"], "loosePld")
    epsilon = entry.get("epsilon_at_sigma") or entry["epsilon"]
    figures = plans.setdefault(key, {})
    figures[name] = min(epsilon, figures.get(name, epsilon))
rows = [{**json.loads(key), "figures": figures} for key, figures in plans.items()]
source = "computed with dp_accounting 0.6.0 (Apache-2.0), Opacus 1.6.0 (Apache-2.0), mpmath 1.4.1 (BSD-3-Clause)"
print('{"source": "%s", "licence": "CC0-1.0",' % source)
print('"plans": [')
print(",\n".join(json.dumps(row) for row in rows))
print("]}")
