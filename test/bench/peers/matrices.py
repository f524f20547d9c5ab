"""
Processor time in ms, sum and peak memory of reading one matrix by NumPy (.npy, .npz) or pandas (.csv); JSON.
Arguments: file, runs.
"""
import json
import resource
import sys
import time


def read_numpy(path):
    import numpy

    loaded = numpy.load(path, allow_pickle=False)
    return loaded if path.endswith(".npy") else loaded[loaded.files[0]]


def read_pandas(path):
    import pandas

    return pandas.read_csv(path, index_col=0).to_numpy()


def main(path, runs):
    is_text = path.endswith(".csv")
    try:
        module = __import__("pandas" if is_text else "numpy")
    except ImportError as error:
        print(json.dumps({"why": str(error)}))
        return
    times = []
    for _ in range(runs):
        before = time.process_time()
        total = float((read_pandas if is_text else read_numpy)(path).sum(dtype="f8"))
        times.append(1000 * (time.process_time() - before))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    name = f"{module.__name__} {module.__version__}"
    print(json.dumps({"name": name, "times": times, "sum": total, "peakRssMiB": peak}))


main(sys.argv[1], int(sys.argv[2]))
