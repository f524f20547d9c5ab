"""Writes dp-epsilon.json: a small part of a reference file of epsilons made with other people's accountants.

Run: python3 test/vectors/copyDpVectors.py REFERENCE_FILE > test/vectors/dp-epsilon.json
"""
import json
import sys

reference = json.load(open(sys.argv[1]))
kept = {
    "gaussian_exact": "exact", "poisson_gaussian_one_step_exact": "exact", "poisson_gaussian": "grid",
    "poisson_gaussian_hetero": "grid", "discrete_laplace": "discreteLaplace", "calibration": "calibration",
}
groups = {"exact": [], "grid": [], "discreteLaplace": [], "calibration": []}
for entry in reference["entries"]:
    group = kept.get(entry["kind"])
    if group is None or "error" in entry or entry["accountant"] == "PRVAccountant":
        continue
    if group == "discreteLaplace" and entry["q"] != 1:
        continue
    source = entry["library"] + " " + entry["version"] + " " + entry["accountant"]
    if group == "calibration":
        row = {"samplingRate": entry["q"], "steps": entry["steps"]}
        row |= {"epsilon": entry["target_epsilon"], "noiseMultiplier": entry["sigma"]}
    elif group == "discreteLaplace":
        row = {"inverseScale": entry["parameter"], "sensitivity": entry["sensitivity"]}
        row |= {"count": entry["steps"], "epsilon": entry["epsilon"]}
    else:
        segments = entry.get("segments") or [{k: entry[k] for k in ("q", "sigma", "steps")}]
        row = {"segments": [[s["q"], s["sigma"], s["steps"]] for s in segments], "epsilon": entry["epsilon"]}
    groups[group].append({"source": source, "delta": entry["delta"], **row})
source = "computed with dp_accounting 0.6.0 (Apache-2.0), Opacus 1.6.0 (Apache-2.0), mpmath 1.4.1 (BSD-3-Clause)"
print('{"source": "%s", "licence": "CC0-1.0",' % source)
for name, rows in groups.items():
    print('"%s": [' % name)
    print(",\n".join(json.dumps(row) for row in rows))
    print("]" + ("" if name == "calibration" else ","))
print("}")
