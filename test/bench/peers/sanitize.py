"""
Processor time in ms and peak memory of noising one .npy by NumPy and SciPy, all of it in memory and in floating point, as
one would write it down; JSON. Arguments: file, method (dct-laplace or projection), file to write (.npy).
"""
import json
import resource
import sys
import time

LOW, HIGH, KEPT, BOUND, EPSILON, DELTA = 0.0, 20.01, 50, 100.0, 50.0, 1e-5


def dct_laplace(units):
    import numpy
    import scipy.fft

    kept = scipy.fft.dct(units, type=2, norm="ortho", axis=1)[:, :KEPT]
    norms = numpy.abs(kept).sum(axis=1, keepdims=True)
    kept = kept * numpy.minimum(1, BOUND / numpy.maximum(norms, 1e-300))
    kept += numpy.random.default_rng().laplace(scale=2 * BOUND / EPSILON, size=kept.shape)
    full = numpy.zeros_like(units)
    full[:, :KEPT] = kept
    return LOW + (HIGH - LOW) * (scipy.fft.idct(full, type=2, norm="ortho", axis=1) + 1) / 2


def projection(units):
    import numpy

    random = numpy.random.default_rng(1)
    signs = random.integers(0, 2, size=(units.shape[1], KEPT)) * 2.0 - 1
    projected = units @ signs / numpy.sqrt(KEPT)
    norms = numpy.linalg.norm(projected, axis=1, keepdims=True)
    projected = projected * numpy.minimum(1, BOUND / numpy.maximum(norms, 1e-300))
    multiplier = numpy.sqrt(2 * numpy.log(1.25 / DELTA)) / EPSILON
    return projected + numpy.random.default_rng().normal(scale=multiplier * 2 * BOUND, size=projected.shape)


def main(path, method, out):
    try:
        import numpy
        import scipy
    except ImportError as error:
        print(json.dumps({"why": str(error)}))
        return
    before = time.process_time()
    records = numpy.load(path, allow_pickle=False).astype("f8")
    units = 2 * (numpy.clip(records, LOW, HIGH) - LOW) / (HIGH - LOW) - 1
    noised = dct_laplace(units) if method == "dct-laplace" else projection(units)
    numpy.save(out, noised.astype("f4"))
    times = [1000 * (time.process_time() - before)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    name = f"NumPy {numpy.__version__} and SciPy {scipy.__version__}"
    print(json.dumps({"name": name, "times": times, "peakRssMiB": peak}))


main(sys.argv[1], sys.argv[2], sys.argv[3])
