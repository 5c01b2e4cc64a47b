"""The two journeys that must never break: the README's one line, and the onboarding checklist as bob."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import BIN, ROOT, SOURCE, git

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(os.name == "nt", reason="the lines are written for a POSIX shell"),
]


def empty_home(tmp_path: Path, mirror: Path | None = None) -> dict[str, str]:
    """Return the environment of a machine that was just unpacked: no caches, no settings, no author for git."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UV_", "XDG_", "VIRTUAL_"))
    }
    environment = {**kept, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "PIP_NO_CACHE_DIR": "1"}
    environment.pop("GIT_CONFIG_GLOBAL", None)
    environment.pop("COPIER_SETTINGS_PATH", None)
    if mirror:
        # Offline, git takes the template from here when it is asked for the canonical address.
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{mirror}.insteadOf",
            "GIT_CONFIG_VALUE_0": SOURCE,
        }
    return environment


def shell(command: str, cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a line as a person types it."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def test_the_readme_line_makes_a_team_and_its_first_backtest(
    template: Path, tmp_path: Path
) -> None:
    """On a machine with Python and git only, the one line ends with a logged backtest."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in readme.splitlines() if "quant run momentum" in line]
    done = shell(
        line.replace("python3", shlex.quote(sys.executable)),
        tmp_path,
        empty_home(tmp_path, template),
    )
    assert "SYNTHETIC" in done.stdout
    folder = tmp_path / "quant-team"
    (result,) = folder.glob("results/momentum/*.yaml")
    assert yaml.safe_load(result.read_text(encoding="utf-8"))["analyst"] == "alice"
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert answers["_src_path"] == SOURCE
    assert "WARNING" not in done.stderr, (
        "the canonical address is one that teammates can update from"
    )


# The article's checklist, in its order, as a newcomer types it; each line but the first two stands
# in the document too.
ARTICLE = [
    "cp .env.example .env",
    "pip install -r requirements.txt",
    "quant setup --as bob",
    "pytest tests/",
    """python -c "from quant_team_data.data_client import fetch_latest_price; print(fetch_latest_price('AAPL.US'))\"""",
    "quant run momentum",
]


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_the_onboarding_checklist_works_as_bob_on_a_clone(
    repository: Path, tmp_path: Path, installer: str
) -> None:
    """Each line of day 1 works as printed, on a clone, in an empty home, with pip and with uv."""
    document = (repository / "docs" / "onboarding.md").read_text(encoding="utf-8")
    for line in ARTICLE:
        assert line.replace("bob", "HANDLE") in re.sub(r"\s+", " ", document), line
    environment = empty_home(tmp_path)
    shell(f"git clone {repository} clone", tmp_path, environment)
    clone = tmp_path / "clone"
    if installer == "uv":
        uv = tmp_path / "uv-bin"
        uv.mkdir()
        (uv / "uv").symlink_to(Path(sys.executable).parent / "uv")
        environment["PATH"] = f"{uv}{os.pathsep}{environment['PATH']}"
        shell(f"uv venv --python {shlex.quote(sys.executable)}", clone, environment)
    else:
        shell(f"{shlex.quote(sys.executable)} -m venv .venv", clone, environment)
    environment["PATH"] = f"{clone / '.venv' / BIN}{os.pathsep}{environment['PATH']}"
    environment["VIRTUAL_ENV"] = str(clone / ".venv")
    printed = {}
    for line in ARTICLE:
        typed = line.replace("pip install", "uv pip install") if installer == "uv" else line
        printed[line] = shell(typed, clone, environment).stdout
    assert float(printed[ARTICLE[4]]) > 0
    (result,) = clone.glob("results/momentum/*.yaml")
    assert yaml.safe_load(result.read_text(encoding="utf-8"))["analyst"] == "bob"
    assert git(clone, "status", "--porcelain").split("\n") == [
        f"?? {result.relative_to(clone).as_posix()}"
    ]
