"""Writes rdp-poisson-gaussian.json: RDP of the Poisson-subsampled Gaussian by mpmath's quadrature at 25 digits.

Run: python3 test/vectors/makeRdpVectors.py > test/vectors/rdp-poisson-gaussian.json
D_a = log E[((1-q) + q exp(X))^a] / (a-1), X = T/s - 1/(2 s^2), T standard normal
(Mironov, Talwar & Zhang 2019, arXiv:1908.10530, section 3.3); an implementation apart from the product's:
the integrand itself, piecewise Gauss-Legendre in multiple precision, no series.
"""
import json
import mpmath
from mpmath import mpf

mpmath.mp.dps = 25


def rdp(q, s, a):
    q, s, a = mpf(q), mpf(s), mpf(a)
    density = lambda t: mpmath.npdf(t) * (1 - q + q * mpmath.exp(t / s - 1 / (2 * s * s))) ** a
    reach = 14 + a / s
    pieces = mpmath.linspace(-14, reach, int(mpmath.ceil((reach + 14) / (mpf(2) if s >= 1 else 2 * s))) + 1)
    return mpmath.log(mpmath.quad(density, pieces)) / (a - 1)


orders = [1.01, 1.5, 2, 2.75, 4.3, 10.9, 33]
cases = []
for q, s in [(0.001, 2), (0.01, 0.5), (0.01, 1), (0.2, 2.2), (0.5, 0.7), (0.5, 10), (0.99, 1)]:
    for a in orders:
        if a / s > 30:
            continue
        cases.append({"samplingRate": q, "noiseMultiplier": s, "order": a, "rdp": float(mpmath.nstr(rdp(q, s, a), 17))})
source = "mpmath %s, quadrature at %d digits (makeRdpVectors.py)" % (mpmath.__version__, mpmath.mp.dps)
print('{"source": "%s", "licence": "CC0-1.0", "cases": [' % source)
print(",\n".join(json.dumps(case) for case in cases))
print("]}")
