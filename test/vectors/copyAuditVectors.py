"""Writes audit-stats.json: other people's attack scores and epsilon bounds, for `consilium audit stats`.

Run: python3 test/vectors/copyAuditVectors.py REFERENCE_FILE > test/vectors/audit-stats.json
Leaves out what no figure of the command is held against.
"""
import json
import sys

SOURCE = ("the papers' own code where it runs and jax-privacy 2.0.0 (Apache-2.0), on overfitted MLPs over scikit-learn's "
          "load_digits (BSD-3-Clause; UCI optical digits, CC BY 4.0), labels y % 6 with 25 % label noise")
given = json.load(open(sys.argv[1]))
parts = {part: {key: value for key, value in given[part].items() if key in ("num_classes", "inputs", "expected")}
         for part in ("song_mittal", "lira", "rmia")}
print(json.dumps({"source": SOURCE, "licence": "CC BY 4.0", **parts, "epsilon_bounds": given["epsilon_bounds"]},
                 separators=(",", ":")))
