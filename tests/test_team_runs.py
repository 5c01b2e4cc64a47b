"""The first runs in a rendered repository: a backtest, a notebook, the agreed data."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import TeamEnvironment, git, run

pytestmark = pytest.mark.full


def logged(repository: Path) -> list[Path]:
    return sorted((repository / "results").glob("*/*.yaml"))


def test_a_backtest_is_printed_stamped_and_logged(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """`quant run momentum` prints a table stamped SYNTHETIC and leaves one file with the
    article's fields.
    """
    done = team_environment.run(repository, "quant", "run", "momentum")
    assert "SYNTHETIC" in done.stdout
    (path,) = logged(repository)
    assert path.as_posix().split("/team/")[-1] in done.stdout.replace("\\", "/")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_[a-z0-9]+_momentum_v1_alice-[0-9a-f]{6}\.yaml", path.name)
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert document["experiment_id"] == f"exp_{path.stem}"
    assert document["analyst"] == "alice"
    assert document["source"] == "sandbox"
    assert document["code"]["commit"] == git(repository, "rev-parse", "HEAD")
    for field in (
        "strategy",
        "version",
        "date",
        "timestamp",
        "parameters",
        "conclusion",
        "next_steps",
    ):
        assert field in document
    config = {"start_date", "end_date", "symbols", "initial_capital", "commission", "slippage"}
    assert config <= set(document["backtest_config"])
    measures = {
        "total_return",
        "sharpe_ratio",
        "max_drawdown",
        "win_rate",
        "profit_factor",
        "num_trades",
    }
    assert measures <= set(document["results"])


def test_two_runs_at_once_leave_two_files(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """Runs in the same second never overwrite each other."""
    environment = {**os.environ, **team_environment.environment(repository)}
    program = shutil.which("quant", path=str(team_environment.bin))
    assert program
    runs = [
        subprocess.Popen(
            [program, "run", "momentum"], cwd=repository, env=environment, stdout=subprocess.DEVNULL
        )
        for _ in range(3)
    ]
    assert [process.wait() for process in runs] == [0, 0, 0]
    assert len(logged(repository)) == 3


def test_the_example_notebook_runs_from_top_to_bottom(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """In the member's folder, with a real kernel, and a commit of it holds no outputs."""
    kernels = repository.parent / "jupyter"
    install: list[str | Path] = [
        "-m",
        "ipykernel",
        "install",
        "--prefix",
        kernels,
        "--name",
        "quant-team",
    ]
    team_environment.run(repository, "python", *install)
    notebook = repository / "notebooks" / "alice" / "example.ipynb"
    code = (
        "import sys, nbformat; from nbclient import NotebookClient\n"
        "notebook = nbformat.read(sys.argv[1], 4)\n"
        "NotebookClient(notebook, kernel_name='quant-team', timeout=300,"
        " resources={'metadata': {'path': sys.argv[2]}}).execute()\n"
        "nbformat.write(notebook, sys.argv[1])\n"
    )
    environment = {
        **team_environment.environment(repository),
        "JUPYTER_PATH": str(kernels / "share" / "jupyter"),
        "PYTHONPATH": os.pathsep.join([*sys.path[1:]]),
    }
    roots = team_environment.environment(repository)["PYTHONPATH"]
    kernel = kernels / "share" / "jupyter" / "kernels" / "quant-team" / "kernel.json"
    spec = json.loads(kernel.read_text(encoding="utf-8"))
    spec["env"] = {"PYTHONPATH": roots}
    kernel.write_text(json.dumps(spec), encoding="utf-8")
    run(sys.executable, "-c", code, notebook, notebook.parent, cwd=repository, env=environment)
    executed = json.loads(notebook.read_text(encoding="utf-8"))
    assert any(cell.get("outputs") for cell in executed["cells"])
    assert "SYNTHETIC" in json.dumps(executed)
    git(repository, "add", str(notebook))
    staged = json.loads(git(repository, "show", ":notebooks/alice/example.ipynb"))
    assert not any(cell.get("outputs") for cell in staged["cells"])


def test_the_team_agrees_on_its_data(repository: Path, team_environment: TeamEnvironment) -> None:
    """Fetch, lock, verify; on other bars than those agreed on, verify names month and symbol and
    no backtest runs.
    """
    days = ["--start", "2024-01-01", "--end", "2024-03-31"]
    team_environment.run(repository, "quant", "data", "fetch", "AAPL.US", "MSFT.US", *days)
    team_environment.run(repository, "quant", "data", "lock")
    assert "data.lock" in git(repository, "status", "--porcelain")
    team_environment.run(repository, "quant", "data", "verify")
    backtest = ["quant", "run", "momentum", "--symbols", "AAPL.US,MSFT.US", *days]
    team_environment.run(repository, *backtest)
    (path,) = logged(repository)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))["data"]
    assert all(facts["locked"] for facts in data.values())
    lock = repository / "data.lock"
    lines = lock.read_text(encoding="utf-8").splitlines()
    changed = [
        re.sub("sha256:.{64}", f"sha256:{'0' * 64}", x) if " MSFT.US 1d 2024-02 " in x else x
        for x in lines
    ]
    assert changed != lines
    lock.write_text("\n".join(changed) + "\n", encoding="utf-8", newline="\n")
    done = team_environment.run(repository, "quant", "data", "verify", check=False)
    assert done.returncode == 1
    assert re.search(r"MSFT\.US.*2024-02", done.stdout + done.stderr)
    done = team_environment.run(repository, *backtest, check=False)
    assert done.returncode == 1
    assert re.search(r"MSFT\.US.*2024-02", done.stderr)
    assert len(logged(repository)) == 1
    team_environment.run(repository, *backtest, "--unlocked")
    assert len(logged(repository)) == 2
