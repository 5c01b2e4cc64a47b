"""The journeys that must never break: the README's line, and the onboarding checklist as bob."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import BIN, ROOT, git

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(os.name == "nt", reason="the lines are written for a POSIX shell"),
]


def empty_home(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a machine that was just unpacked: no caches, settings or author.

    No address of a forge can be reached from it.
    """
    home = tmp_path / "home"
    home.mkdir()
    hidden = ("UV_", "XDG_", "VIRTUAL_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment.pop("GIT_CONFIG_GLOBAL", None)
    environment.pop("COPIER_SETTINGS_PATH", None)
    return environment | {
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": "file",
        "PIP_NO_CACHE_DIR": "1",
    }


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


def test_the_readme_line_makes_a_team_out_of_the_clone_it_stands_in(
    template: Path, tmp_path: Path
) -> None:
    """On a machine with Python and git only, the one line ends with a logged backtest.

    The team can then be changed, since the template is recorded where it is, and a warning says
    how to record an address that teammates can reach.
    """
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in readme.splitlines() if "quant run momentum" in line]
    environment = empty_home(tmp_path)
    clone = tmp_path / "quant-team-template"
    shell(f"git clone --quiet {template} {clone}", tmp_path, environment)
    git(clone, "tag", "0.0.1")  # a release, older than the newest commit
    with (clone / "template" / "docs" / "scaling.md").open("a", encoding="utf-8") as page:
        page.write("\nThe newest line.\n")
    git(clone, "commit", "--quiet", "--all", "-m", "docs: newest")
    done = shell(line.replace("python3", shlex.quote(sys.executable)), clone, environment)
    assert "SYNTHETIC" in done.stdout
    folder = tmp_path / "quant-team"
    (result,) = folder.glob("results/momentum/*.yaml")
    assert yaml.safe_load(result.read_text(encoding="utf-8"))["analyst"] == "alice"
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert answers["_src_path"] == str(clone)
    assert answers["_commit"] == git(clone, "describe", "--tags")
    assert "The newest line." in (folder / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert "quant template source ADDRESS" in done.stderr
    team = "- {name: Dana, handle: dana, role: researcher, senior: true}\n"
    (tmp_path / "team.yml").write_text(team, encoding="utf-8")
    environment["PATH"] = f"{clone / '.venv' / BIN}{os.pathsep}{environment['PATH']}"
    edit = ".venv/bin/quant team edit --file ../team.yml"
    shell(f"git switch -c feature/alice/team && {edit}", folder, environment)
    assert "dana" in (folder / "infrastructure" / "permissions.yaml").read_text(encoding="utf-8")


# The checklist of day 1, in its order, as a newcomer types it; the document has each line.
CHECKLIST = [
    "cp .env.example .env",
    "pip install -r requirements.txt",
    "quant setup --as bob",
    "pytest tests/",
    'python -c "from quant_team_data.data_client import fetch_latest_price; '
    "print(fetch_latest_price('AAPL.US'))\"",
    "quant run momentum",
]


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_the_onboarding_checklist_works_as_bob_on_a_clone(
    repository: Path, tmp_path: Path, installer: str
) -> None:
    """Each line of day 1 works as printed, on a clone, in an empty home, with pip and with uv."""
    document = (repository / "docs" / "onboarding.md").read_text(encoding="utf-8")
    for line in CHECKLIST:
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
    for line in CHECKLIST:
        typed = line.replace("pip install", "uv pip install") if installer == "uv" else line
        printed[line] = shell(typed, clone, environment).stdout
    assert float(printed[CHECKLIST[4]]) > 0
    (result,) = clone.glob("results/momentum/*.yaml")
    assert yaml.safe_load(result.read_text(encoding="utf-8"))["analyst"] == "bob"
    assert git(clone, "status", "--porcelain").split("\n") == [
        f"?? {result.relative_to(clone).as_posix()}"
    ]
