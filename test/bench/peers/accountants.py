"""Processor time in ms of dp_accounting's accountants on the tasks of `npm run bench -- accountant`; JSON."""
import json
import time

import dp_accounting
from dp_accounting import pld, rdp

DELTA = 1e-5


def event(q, sigma, steps):
    step = dp_accounting.PoissonSampledDpEvent(q, dp_accounting.GaussianDpEvent(sigma))
    return dp_accounting.SelfComposedDpEvent(step, steps)


def epsilon(accountant, events):
    for each in events:
        accountant.compose(each)
    return accountant.get_epsilon(DELTA)


def sigma_for(target):
    return dp_accounting.calibrate_dp_mechanism(
        pld.PLDAccountant, lambda sigma: event(0.01, sigma, 5000), target, DELTA, tol=1e-4)


TASKS = {
    "rdp": lambda: epsilon(rdp.RdpAccountant(), [event(0.01, 1.0, 10_000)]),
    "pld": lambda: epsilon(pld.PLDAccountant(), [event(0.01, 1.0, 10_000)]),
    "pld1000": lambda: epsilon(pld.PLDAccountant(), [event(0.01, 1.0, 1000)]),
    "mixed": lambda: epsilon(pld.PLDAccountant(), [event(0.01, s, 100) for s in (1.0, 1.5, 2.0, 4.0)]),
    "sigma": lambda: sigma_for(3.0),
}
times = {}
for name, task in TASKS.items():
    task()
    times[name] = []
    for _ in range(3):
        before = time.process_time()
        task()
        times[name].append(1000 * (time.process_time() - before))
print(json.dumps(times))
