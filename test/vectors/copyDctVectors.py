"""Writes dct.json: a small part of a reference file of transforms and noise quantiles made with SciPy.

Run: python3 test/vectors/copyDctVectors.py REFERENCE_FILE > test/vectors/dct.json
"""
import json
import sys

reference = json.load(open(sys.argv[1]))
lines = []
for case in reference["dct"]:
    row = {"length": case["n"], "kept": case["K"], "energyKept": case["sum_sq_first_K"] / case["l2"] ** 2}
    if case["generator"] == "literal":
        row |= {"values": case["x"], "dct2": case["dct2"], "dct3": case["dct3_of_x"]}
        row |= {"truncated": case["truncated_inverse"]}
    else:
        row |= {"firstDct2": case["first_K"], "at": case["idx"], "valuesAt": case["x_at_idx"]}
        row |= {"dct2At": case["dct2_at_idx"], "truncatedAt": case["truncated_inverse_at_idx"]}
    lines.append(json.dumps(row))
noise = reference["noise"]
laplace = {"quantiles": noise["laplace_b1"]["quantiles"], "variance": noise["laplace_b1"]["var"]}
radius = noise["metric_radius_K50_eps50.0"]["radius_quantiles"]
print('{"source": "computed with SciPy (BSD-3-Clause)", "licence": "CC0-1.0",')
print('"generated": "x_i = ((i·7·7919 + 7·104729) mod 20011)/20011·2 − 1 where no values stand",')
print('"dct": [\n' + ",\n".join(lines) + "\n],")
print('"laplaceOfScale1": ' + json.dumps(laplace) + ",")
print('"metricRadiusOf50AtEpsilon50": ' + json.dumps(radius) + "}")
