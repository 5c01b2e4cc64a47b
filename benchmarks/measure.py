"""Side-by-side measurement: every variant once a round, in changing order; CPU of the process and
all its children.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Variant = Callable[[int], None]
INSIDE = "QUANT_BENCHMARK_TEAM"  # set where a script runs in an environment of its own


def team() -> Path | None:
    """Return the team repository of the environment in which this runs, or None outside of one."""
    return Path(os.environ[INSIDE]) if INSIDE in os.environ else None


def in_team_environment(script: str, arguments: Sequence[str], *packages: str) -> int:
    """Run a script again in a new environment, beside a team repository; return its exit code.

    The environment has the team's pins and the packages, and imports the code of `template/`.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "home").mkdir()
        (folder / ".copier-answers.yml").write_text("{}\n", encoding="utf-8")
        repository = rendered(folder)
        lines = (repository / "requirements.txt").read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if "==" in line]
        python = environment(folder, *pins, *packages)
        rooms = sorted(room for room in (repository / "src").iterdir() if room.is_dir())
        variables = {
            INSIDE: str(repository),
            "QUANT_ROOT": str(folder),
            "HOME": str(folder / "home"),
            "PYTHONPATH": os.pathsep.join(str(path) for path in (*rooms, repository)),
        }
        command = [str(python), script, *arguments]
        return subprocess.run(command, env={**os.environ, **variables}, check=False).returncode


def rendered(folder: Path) -> Path:
    """Render the working tree, which goes to `template` below a folder, and return the team's."""
    from tests.conftest import copy_template, snapshot

    (folder / "template").mkdir()
    with contextlib.redirect_stderr(io.StringIO()):  # what Copier tells a new team
        return copy_template(snapshot(folder / "template"), folder / "team")


def environment(folder: Path, *requirements: str) -> Path:
    """Make a virtual environment with some packages below a folder, and return its Python."""
    (folder / "pins.txt").write_text("\n".join(requirements), encoding="utf-8")
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    uv = [sys.executable, "-m", "uv"]
    run(*uv, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    install = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python"]
    run(*install, python, "-r", folder / "pins.txt", cwd=folder)
    return python


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
