"""Side-by-side measurement: every variant once a round, in changing order; CPU of the process and
all its children.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Variant = Callable[[int], None]


def cpu_of_children() -> float:
    """Return user plus system seconds of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> None:
    """Run a command to its end, silently; a failure raises."""
    subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        check=True,
        capture_output=True,
    )


def interleave(variants: Mapping[str, Variant], rounds: int) -> dict[str, list[float]]:
    """Return the CPU seconds of each variant, a figure a round; one round before them warms the
    caches.
    """
    figures: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(-1, rounds):
        names = list(variants)
        random.Random(number).shuffle(names)  # noqa: S311
        for name in names:
            before = cpu_of_children()
            variants[name](number)
            if number >= 0:
                figures[name].append(cpu_of_children() - before)
    return figures


def report(
    title: str, figures: Mapping[str, Sequence[float]], base: str, limits: Mapping[str, float]
) -> bool:
    """Print medians and their ratio to the base variant; return whether every ratio keeps its
    limit.
    """
    print(f"\n{title} (median CPU of {len(figures[base])} interleaved rounds)\n")
    print("| variant | CPU ms | ratio | limit |\n|---|---|---|---|")
    kept = True
    floor = statistics.median(figures[base])
    for name, seconds in figures.items():
        median = statistics.median(seconds)
        limit = limits.get(name)
        kept = kept and (limit is None or median / floor <= limit)
        print(f"| {name} | {median * 1000:.1f} | {median / floor:.2f} | {limit or ''} |")
    return kept


def table(
    title: str, rows: dict[str, float], base: str, limits: dict[str, tuple[str, float]]
) -> bool:
    """Print seconds and their ratio to a base row; return whether every ratio keeps its limit."""
    print(f"\n{title}\n\n| variant | s | x {base} | limit |\n|---|---|---|---|")
    kept = True
    for name, seconds in rows.items():
        ratio = seconds / rows[base]
        sign, limit = limits.get(name, ("", 0.0))
        if sign:
            kept = kept and (ratio <= limit if sign == "<=" else ratio >= limit)
        shown = f"{sign} {limit}" if sign else ""
        print(f"| {name} | {seconds:.3f} | {ratio:.2f} | {shown} |")
    return kept


def median(
    action: Callable[[], object], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the median seconds of an action."""
    seconds = []
    for _ in range(rounds):
        before = clock()
        action()
        seconds.append(clock() - before)
    return statistics.median(seconds)
