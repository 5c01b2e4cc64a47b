"""Settings: which source wins, what counts as unset, and one list of variables."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from quant_team_utils import settings
from quant_team_utils.paths import ProjectNotFoundError, project_root


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty project, with no setting in the environment."""
    for name in settings.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    return tmp_path


def test_the_example_names_every_variable_that_the_code_reads(root: Path) -> None:
    """`.env.example` is complete: each variable of the code stands there, as a line or as a comment."""
    named = set(
        re.findall(
            r"^(?:# )?([A-Z][A-Z0-9_]+)=", (root / ".env.example").read_text("utf-8"), re.MULTILINE
        )
    )
    assert set(settings.VARIABLES) <= named


def test_the_code_reads_no_other_variable(root: Path) -> None:
    """What the code asks `settings` or `os.environ` for is in `VARIABLES`."""
    asked = set()
    for module in [
        *root.glob("src/**/*.py"),
        *root.glob("infrastructure/*.py"),
        root / "load_env.py",
    ]:
        text = module.read_text("utf-8")
        asked |= set(
            re.findall(
                r"(?:settings\.get|lookup|environ\.get|environ|getenv)[\[(]\"([A-Z_0-9]+)\"", text
            )
        )
    assert asked - {"CONDA_PREFIX"} <= set(settings.VARIABLES)


def test_the_example_means_the_sandbox(project: Path, root: Path) -> None:
    """A copied example gives the sandbox and no key."""
    (project / ".env").write_bytes((root / ".env.example").read_bytes())
    assert settings.get("TICKDB_BASE_URL") == "sandbox"
    assert settings.get("TICKDB_API_KEY") is None


@pytest.mark.parametrize(
    ("environment", "file", "value", "source"),
    [
        ("from-shell", "from-file", "from-shell", "environment"),
        (None, "from-file", "from-file", ".env"),
        ("", "from-file", "from-file", ".env"),
        ("  ", None, None, None),
        (None, None, None, None),
    ],
)
def test_the_environment_wins_over_the_file(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: str | None,
    file: str | None,
    value: str | None,
    source: str | None,
) -> None:
    """The process environment first, then `.env`; blank counts as unset."""
    if environment is not None:
        monkeypatch.setenv("TICKDB_API_KEY", environment)
    if file is not None:
        (project / ".env").write_text(f"TICKDB_API_KEY={file}\n", encoding="utf-8")
    assert settings.lookup("TICKDB_API_KEY") == settings.Setting("TICKDB_API_KEY", value, source)


def test_settings_are_read_when_asked(project: Path) -> None:
    """A key written to `.env` while a notebook runs is seen at the next call."""
    assert settings.get("TICKDB_API_KEY") is None
    (project / ".env").write_text("TICKDB_API_KEY=tk_test_later\n", encoding="utf-8")
    assert settings.get("TICKDB_API_KEY") == "tk_test_later"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bad", None])
def test_an_unreadable_file_is_one_sentence(project: Path, content: bytes | None) -> None:
    """A folder or bytes that are not text: the sentence names the file."""
    if content is None:
        (project / ".env").mkdir()
    else:
        (project / ".env").write_bytes(content)
    with pytest.raises(settings.EnvFileError, match=r"Cannot read .*\.env"):
        settings.get("TICKDB_API_KEY")


def test_the_root_is_found_from_a_folder_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest folder upward with `.copier-answers.yml` is the root, unless QUANT_ROOT says otherwise."""
    monkeypatch.delenv("QUANT_ROOT")
    (tmp_path / ".copier-answers.yml").touch()
    below = tmp_path / "notebooks" / "alice"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert project_root() == tmp_path.resolve()
    monkeypatch.setenv("QUANT_ROOT", str(below))
    assert project_root() == below.resolve()
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path / "nowhere"))
    with pytest.raises(ProjectNotFoundError, match="QUANT_ROOT names"):
        project_root()


def test_load_env_fills_the_environment_and_prints_to_standard_error(
    project: Path, root: Path
) -> None:
    """`from load_env import *` sets what is unset, keeps what is set, and leaves standard output alone."""
    (project / ".env").write_text(
        "TICKDB_API_KEY=tk_test_file\nALPACA_API_KEY=from-file\n", encoding="utf-8"
    )
    code = "from load_env import *; import os; print(os.environ['ALPACA_API_KEY'], os.environ['TICKDB_API_KEY'])"
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "ALPACA_API_KEY": "from-shell"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["from-shell", "tk_test_file"]
    assert done.stderr.startswith("Loaded environment from")
    assert "tk_test_file" not in done.stderr
