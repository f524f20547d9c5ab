"""
Processor time in ms of dp_accounting's and Opacus' accountants on the tasks of `npm run bench -- privacy`; JSON.
Arguments: names of the tasks wanted.
"""
import importlib.metadata
import json
import resource
import sys
import time

DELTA = 1e-5
MIXED = [(0.01, sigma, 100) for sigma in (1.0, 1.5, 2.0, 4.0)]
LARGE, SMALL = (0.05, 0.6, 2000), (1e-5, 2.0, 10)
ONLINE = (0.001, 2.0)
ONLINE_ROUNDS = 200


def processor_ms(run):
    before = time.process_time()
    run()
    return 1000 * (time.process_time() - before)


def repeated(run):
    def times():
        run()
        return [processor_ms(run) for _ in range(3)]
    return times


def online(accountant, book, epsilon):
    """ε after each round, by an accountant that is kept."""
    def ask():
        book(accountant)
        epsilon(accountant)
    return lambda: [processor_ms(ask) for _ in range(ONLINE_ROUNDS)]


def dp_accounting_tasks():
    import dp_accounting
    from dp_accounting import pld, rdp

    def event(q, sigma, steps):
        step = dp_accounting.PoissonSampledDpEvent(q, dp_accounting.GaussianDpEvent(sigma))
        return dp_accounting.SelfComposedDpEvent(step, steps)

    def epsilon(accountant, *plans):
        for plan in plans:
            accountant.compose(event(*plan))
        return accountant.get_epsilon(DELTA)

    def both(plan):
        epsilon(rdp.RdpAccountant(), plan)
        epsilon(pld.PLDAccountant(), plan)

    def sigma():
        return dp_accounting.calibrate_dp_mechanism(
            pld.PLDAccountant, lambda noise: event(0.01, noise, 5000), 3.0, DELTA, tol=1e-4)

    return {
        "rdp": repeated(lambda: epsilon(rdp.RdpAccountant(), (0.01, 1.0, 10_000))),
        "pld": repeated(lambda: epsilon(pld.PLDAccountant(), (0.01, 1.0, 10_000))),
        "pld1000": repeated(lambda: epsilon(pld.PLDAccountant(), (0.01, 1.0, 1000))),
        "mixed": repeated(lambda: epsilon(pld.PLDAccountant(), *MIXED)),
        "sigma": repeated(sigma),
        "large": repeated(lambda: both(LARGE)),
        "small": repeated(lambda: both(SMALL)),
        "online": online(rdp.RdpAccountant(), lambda one: one.compose(event(*ONLINE, 1)),
                         lambda one: one.get_epsilon(DELTA)),
    }


def opacus_tasks():
    from opacus.accountants import PRVAccountant, RDPAccountant
    from opacus.accountants.utils import get_noise_multiplier

    def epsilon(accountant, *plans):
        accountant.history = [(sigma, q, steps) for q, sigma, steps in plans]
        return accountant.get_epsilon(delta=DELTA)

    def both(plan):
        epsilon(RDPAccountant(), plan)
        epsilon(PRVAccountant(), plan)

    def sigma():
        return get_noise_multiplier(target_epsilon=3.0, target_delta=DELTA, sample_rate=0.01, steps=5000,
                                    accountant="prv", epsilon_tolerance=0.01)

    q, noise = ONLINE
    return {
        "rdp": repeated(lambda: epsilon(RDPAccountant(), (0.01, 1.0, 10_000))),
        "pld": repeated(lambda: epsilon(PRVAccountant(), (0.01, 1.0, 10_000))),
        "pld1000": repeated(lambda: epsilon(PRVAccountant(), (0.01, 1.0, 1000))),
        "mixed": repeated(lambda: epsilon(PRVAccountant(), *MIXED)),
        "sigma": repeated(sigma),
        "large": repeated(lambda: both(LARGE)),
        "small": repeated(lambda: both(SMALL)),
        "online": online(RDPAccountant(), lambda one: one.step(noise_multiplier=noise, sample_rate=q),
                         lambda one: one.get_epsilon(delta=DELTA)),
    }


def outcome(task):
    try:
        return {"times": task()}
    except Exception as error:  # What one of them can't do is a finding, told in its place.
        return {"skipped": f"{type(error).__name__}: {error}"[:200]}


def measured(package, tasks_of):
    try:
        tasks = tasks_of()
    except ImportError as error:
        return {"why": str(error)}
    done = {name: outcome(tasks[name]) for name in sys.argv[1:]}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"version": importlib.metadata.version(package), "peakRssMiB": peak, "tasks": done}


print(json.dumps({
    "dp_accounting": measured("dp-accounting", dp_accounting_tasks),
    "opacus": measured("opacus", opacus_tasks),
}))
