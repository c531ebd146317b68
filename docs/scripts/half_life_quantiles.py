"""Make the table of `analytics._kernels.half_life_table`: how the fitted slope is distributed.

    python docs/scripts/half_life_quantiles.py > analytics/_kernels/half_life_table.py

A Gaussian AR(1) of `steps` changes, with a stationary start (Andrews 1993), is simulated for
each distance c = steps (1 - rho) from a random walk. Of it the statistic of
`analytics.stationarity.half_life` is taken, c hat = -steps slope, once of the series as it is
and once of what least squares on an independent random walk and a constant leave of it: the
spread of a pair whose hedge ratio was estimated. The table holds the quantiles of

    u = (c hat - c - (1 + 3 rho)) / sqrt(c (1 + rho) + 10)

which takes out most of the bias (Kendall 1954) and of the scale, so that few points suffice.
One set of shocks serves every c, so that the surface is smooth. Takes about ten minutes.
"""

from __future__ import annotations

import sys

import numba
import numpy as np

STEPS = (15, 30, 60, 120, 250, 500, 1_000)
DISTANCES = (0, 1, 2, 4, 7, 11, 16, 24, 36, 55, 85, 130, 200, 320, 500, 750, 1_000)
PROBABILITIES = (0.005, 0.025, 0.05, 0.1, 0.9, 0.95, 0.975, 0.995)
RUNS = 300_000


@numba.njit(fastmath=True)
def simulate(steps, distances, runs, seed):  # type: ignore[no-untyped-def]
    """c hat of the series and of its residual, shape (2, distances, runs)."""
    np.random.seed(seed)
    out = np.empty((2, distances.size, runs))
    shock, step = np.empty(steps), np.empty(steps)
    for run in range(runs):
        start = np.random.standard_normal()
        for t in range(steps):
            shock[t], step[t] = np.random.standard_normal(), np.random.standard_normal()
        for c in range(distances.size):
            rho = 1.0 - distances[c] / steps
            u = start / np.sqrt(1.0 - rho * rho) if abs(rho) < 1.0 else 0.0
            x = 0.0
            su = sx = suu = sxx = sux = udu = udx = xdu = xdx = 0.0
            first_u = u
            for t in range(steps):
                du, dx = (rho - 1.0) * u + shock[t], step[t]
                su += u
                sx += x
                suu += u * u
                sxx += x * x
                sux += u * x
                udu += u * du
                udx += u * dx
                xdu += x * du
                xdx += x * dx
                u += du
                x += dx
            n, rows = steps, steps + 1
            change_u, change_x = u - first_u, x
            slope = (udu - su * change_u / n) / (suu - su * su / n)
            out[0, c, run] = -slope * steps
            cross = sux + u * x - (su + u) * (sx + x) / rows
            beta = cross / (sxx + x * x - (sx + x) ** 2 / rows)
            level = su - beta * sx
            change = change_u - beta * change_x
            product = udu - beta * (udx + xdu) + beta * beta * xdx
            square = suu - 2.0 * beta * sux + beta * beta * sxx
            slope = (product - level * change / n) / (square - level * level / n)
            out[1, c, run] = -slope * steps
    return out


def scaled(found: np.ndarray, distance: float, steps: int) -> np.ndarray:
    rho = 1.0 - distance / steps
    return (found - distance - (1.0 + 3.0 * rho)) / np.sqrt(distance * (1.0 + rho) + 10.0)


def main() -> None:
    write = sys.stdout.write
    write(
        '"""Quantiles of a fitted AR(1) slope, made by docs/scripts/half_life_quantiles.py."""\n\n'
    )
    write("from __future__ import annotations\n\n")
    write(f"PROBABILITIES = {PROBABILITIES}\n")
    write(f"DISTANCES = {DISTANCES}\n")
    write(f"STEPS = {STEPS}\n\n")
    write("#: Of a series as it is, then of a fit's residual; by steps; a row a distance below\n")
    write("#: twice the steps.\n")
    write("QUANTILES = (\n")
    tables: list[list[list[list[float]]]] = [[], []]
    for steps in STEPS:
        distances = np.array([d for d in DISTANCES if d < 1.95 * steps], dtype=float)
        found = simulate(steps, distances, RUNS, steps)
        for kind in (0, 1):
            tables[kind].append(
                [
                    np.quantile(scaled(found[kind, i], d, steps), PROBABILITIES).tolist()
                    for i, d in enumerate(distances)
                ]
            )
    for table in tables:
        write("    (\n")
        for rows in table:
            write("        (\n")
            for row in rows:
                write(f"            ({', '.join(f'{value:.3f}' for value in row)}),\n")
            write("        ),\n")
        write("    ),\n")
    write(")\n")


if __name__ == "__main__":
    main()
