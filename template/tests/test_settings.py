"""Settings: which source wins, what counts as unset, and one list of variables."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from quant_team_utils import settings

# What the operating system, the terminal or a package manager sets, and no person for this project.
SYSTEM = {"CONDA_PREFIX", "LOCALAPPDATA", "NO_COLOR", "PYTHONPATH", "TERM", "XDG_CACHE_HOME"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty project, with no setting in the environment."""
    for name in settings.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    return tmp_path


def test_the_example_names_every_variable_that_the_code_reads(root: Path) -> None:
    """`.env.example` is complete: each variable is in it, as a line or as a comment."""
    text = (root / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE)
    assert set(settings.VARIABLES) <= set(named)


def test_the_code_reads_no_other_variable(root: Path) -> None:
    """What the code asks `settings` or `os.environ` for is in `VARIABLES`."""
    reads = r"(?:settings\.get|lookup|environ\.get|environ|getenv)[\[(]\"([A-Z_0-9]+)\""
    modules = [*root.glob("src/**/*.py"), *root.glob("infrastructure/*.py"), root / "load_env.py"]
    asked: set[str] = set()
    for module in modules:
        asked |= set(re.findall(reads, module.read_text(encoding="utf-8")))
    assert asked - SYSTEM <= set(settings.VARIABLES)


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


def test_two_quick_changes_are_both_seen(project: Path) -> None:
    """A change that leaves size and time stamp as they were is seen as well."""
    for number in range(20):
        (project / ".env").write_text(f"TICKDB_API_KEY=tk_test_{number:02}\n", encoding="utf-8")
        assert settings.get("TICKDB_API_KEY") == f"tk_test_{number:02}"


def test_a_file_that_did_not_change_is_read_once(project: Path) -> None:
    """Settings are cheap: a file with its old time stamp and size is not read again."""
    path = project / ".env"
    for value in ("once", "more"):
        path.write_text(f"TICKDB_API_KEY=tk_test_{value}\n", encoding="utf-8")
        os.utime(path, (1, 1))
        assert settings.get("TICKDB_API_KEY") == "tk_test_once"
    os.utime(path, (2, 2))
    assert settings.get("TICKDB_API_KEY") == "tk_test_more"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bad", None])
def test_an_unreadable_file_is_one_sentence(project: Path, content: bytes | None) -> None:
    """A folder or bytes that are not text: the sentence names the file."""
    if content is None:
        (project / ".env").mkdir()
    else:
        (project / ".env").write_bytes(content)
    with pytest.raises(settings.EnvFileError, match=r"Cannot read .*\.env"):
        settings.get("TICKDB_API_KEY")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("TICKDB_API_KEY: planted\n", 1),
        ("TICKDB_API_KEY:planted=\n", 1),
        ("A=1\n\n\nplanted notes\n", 4),
        ("A=1\nplanted\n", 2),
        ("export planted\n", 1),
        ("A=1\n\nB='planted\nC=2\n", 3),
        ('B="planted\nC="2"\n', 1),
        ("A=1\n<<<<<<< planted\nA=2\n=======\n", 2),
        ("A=1\r\n=======\r\n", 2),
        ("A=1\nB=plan\0ted\n", 2),
        ("=planted\n", 1),
    ],
)
def test_an_unreadable_line_is_named_and_never_shown(project: Path, text: str, line: int) -> None:
    """One sentence with file and line number, whatever is asked for."""
    (project / ".env").write_bytes(text.encode())
    with pytest.raises(settings.EnvFileError) as caught:
        settings.get("TICKDB_API_KEY")
    sentence = str(caught.value)
    assert sentence.startswith(f"Cannot read line {line} of {project / '.env'}: ")
    assert "planted" not in sentence.replace(str(project), "")
    assert "\n" not in sentence
    assert settings.secret_values() == []


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("\n \n# a note: x\n", {}),
        ("export A=1\n", {"A": "1"}),
        ("\ufeffA=1\r\nB=2 # note\r\n", {"A": "1", "B": "2"}),
        ("A=\nB=''\nC = x y \n", {"A": "", "B": "", "C": "x y"}),
        ("A='one\ntwo'\nB=\"#3\"\n", {"A": "one\ntwo", "B": "#3"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=$B ${C}\n", {"A": "$B ${C}"}),
        ("  A=1\n\tB=2\n", {"A": "1", "B": "2"}),
    ],
)
def test_what_a_file_may_hold(project: Path, text: str, values: dict[str, str]) -> None:
    """Comments, `export`, quotes, a byte order mark and both line ends; nothing is substituted."""
    (project / ".env").write_bytes(text.encode())
    assert settings.read_env_file(project / ".env") == values


def test_a_link_to_nowhere_is_one_sentence(project: Path) -> None:
    """A dangling link is not the same as no file."""
    try:
        (project / ".env").symlink_to(project / "gone")
    except OSError:
        pytest.skip("this system makes no links")
    with pytest.raises(settings.EnvFileError, match="a link to a file that does not exist"):
        settings.get("TICKDB_API_KEY")
    (project / "gone").write_text("TICKDB_API_KEY=tk_test_back\n", encoding="utf-8")
    assert settings.get("TICKDB_API_KEY") == "tk_test_back"


@hypothesis_settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """No `.env` ends in another exception."""
    path = tmp_path_factory.getbasetemp() / "any.env"
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(settings.EnvFileError):
        settings.read_env_file(path)


def test_load_env_fills_the_environment_and_prints_to_standard_error(
    project: Path, root: Path
) -> None:
    """`from load_env import *` sets what is unset and leaves standard output alone."""
    (project / ".env").write_text(
        "TICKDB_API_KEY=tk_test_file\nALPACA_API_KEY=from-file\n", encoding="utf-8"
    )
    shown = "print(os.environ['ALPACA_API_KEY'], os.environ['TICKDB_API_KEY'])"
    code = f"from load_env import *; import os; {shown}"
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
