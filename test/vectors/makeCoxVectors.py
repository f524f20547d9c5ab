"""
Writes cox.json beside this file: Cox regressions with Efron's ties of 20 made-up patients by lifelines (MIT) and
statsmodels (BSD-3-Clause), which are not dependencies: python3 -m venv, pip install lifelines statsmodels.
"""
import json
import pathlib

import lifelines
import numpy
import pandas
import statsmodels
from lifelines import CoxPHFitter
from statsmodels.api import PHReg

COLUMNS = {
    "time": [5, 3, 3, 8, 8, 8, 1, 2, 2, 12, 12, 9, 7, 7, 4, 4, 6, 10, 11, 3],
    "event": [1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 0, 1],
    "a": [61, 48, 72, 55, 39, 66, 70, 58, 63, 41, 50, 47, 52, 68, 74, 59, 44, 36, 53, 65],
    "b": [1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0],
    "c": [0.5, -1.25, 2, 0.75, -0.5, 0, 1.5, -2, 0.25, 1, -1, 0.5, -0.75, 0, 1.25, 2.5, -0.25, 0.5, -1.5, 1],
}
patients = pandas.DataFrame(COLUMNS).astype(float)
features = patients[["a", "b", "c"]]


def penalised(penalty):
    fitted = CoxPHFitter(penalizer=penalty).fit(patients, "time", "event", fit_options={"precision": 1e-14})
    # lifelines takes n·½·penalty·Σβ² off what it calls the log-likelihood.
    penalised_value = float(fitted.log_likelihood_)
    return {"penalty": penalty, "coefficients": fitted.params_.tolist(), "penalisedLogLikelihood": penalised_value}


model = PHReg(patients["time"], features, status=patients["event"], ties="efron")
fitted = model.fit()
at = numpy.array([0.02, -0.5, 0.25])
vectors = {
    "source": f"lifelines {lifelines.__version__} CoxPHFitter, statsmodels {statsmodels.__version__} PHReg (ties=efron)",
    "licence": "values computed by test/vectors/makeCoxVectors.py on patients made up there",
    "patients": patients.to_dict("records"),
    "lifelines": [penalised(penalty) for penalty in (0, 0.1, 1)],
    "statsmodels": {"coefficients": fitted.params.tolist(), "logLikelihood": float(fitted.llf)},
    "statsmodelsAt": {
        "coefficients": at.tolist(),
        "logLikelihood": float(model.loglike(at)),
        "score": model.score(at).tolist(),
        "hessian": numpy.asarray(model.hessian(at)).tolist(),
    },
}
pathlib.Path(__file__).with_name("cox.json").write_text(json.dumps(vectors, indent=1) + "\n")
