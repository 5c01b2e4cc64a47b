"""The checks of the machine: a stale environment, pins, `.env`, whose code runs, the service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quant_team_cli import checks
from quant_team_utils import git
from quant_team_utils.errors import QuantError

posix_only = pytest.mark.skipif(os.name != "posix", reason="modes, links and scripts of POSIX")


def make_environment(folder: Path, interpreter: str) -> Path:
    """Write what a check looks at: configuration, interpreter, a script with its first line."""
    scripts = folder / "bin"
    scripts.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n", encoding="utf-8")
    (scripts / "python").symlink_to(sys.executable)
    (scripts / "quant").write_text(f"{interpreter}\nimport sys\n", encoding="utf-8")
    return folder


# --- the environment


@posix_only
@pytest.mark.parametrize(
    "line",
    ["#!{}", "#!/bin/sh\n'''exec' \"{}\" \"$0\" \"$@\"\n' '''", "#!/bin/sh\n'''exec' {} \"$0\""],
)
def test_an_environment_that_was_moved_is_stale(tmp_path: Path, line: str) -> None:
    """Its script names the folder in which it was made, short or long, and that is another one."""
    folder = tmp_path / "team" / ".venv"
    make_environment(folder, line.format(folder / "bin" / "python"))
    assert not checks.is_stale(folder)
    (tmp_path / "team").rename(tmp_path / "moved")
    assert checks.is_stale(tmp_path / "moved" / ".venv")


@posix_only
def test_an_environment_that_was_copied_is_stale(tmp_path: Path) -> None:
    """The other folder still exists: its code would run here."""
    first = make_environment(tmp_path / "a", f"#!{tmp_path / 'a' / 'bin' / 'python'}")
    second = make_environment(tmp_path / "b", f"#!{first / 'bin' / 'python'}")
    assert not checks.is_stale(first)
    assert checks.is_stale(second)


@posix_only
def test_an_environment_whose_python_is_gone_is_stale(tmp_path: Path) -> None:
    """The link leads nowhere after the system's Python was replaced."""
    folder = make_environment(tmp_path / "a", "#!/usr/bin/env python")
    assert not checks.is_stale(folder), "a script that looks for its interpreter moves along"
    (folder / "bin" / "python").unlink()
    (folder / "bin" / "python").symlink_to("/gone/python")
    assert checks.is_stale(folder)


def test_another_folder_of_that_name_is_not_stale(tmp_path: Path) -> None:
    """Nothing there, or something else of that name."""
    assert not checks.is_stale(tmp_path / ".venv")
    (tmp_path / ".venv").mkdir()
    assert not checks.is_stale(tmp_path / ".venv")


@posix_only
def test_a_stale_environment_is_named_with_the_line_that_makes_it_anew(tmp_path: Path) -> None:
    """The same line stands in the onboarding page."""
    make_environment(tmp_path / ".venv", "#!/gone/.venv/bin/python")
    check = checks.check_python(tmp_path)
    assert check.state != "ok"
    assert check.fix == checks.rebuild_line()


@posix_only
def test_the_line_that_makes_the_environment_anew_is_documented(root: Path) -> None:
    """A member whose `quant` does not start cannot ask the doctor."""
    page = (root / "docs" / "onboarding.md").read_text(encoding="utf-8")
    assert f"\n{checks.rebuild_line()}\n" in page


@posix_only
def test_setup_is_named_with_its_path_where_another_quant_is_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The printed line works as it is typed."""
    other = tmp_path / "quant"
    other.write_text("#!/bin/sh\n", encoding="utf-8")
    other.chmod(0o755)
    mine = Path(sys.executable).parent / "quant"
    monkeypatch.setenv("PATH", str(tmp_path))
    expected = f'"{mine}" setup' if mine.exists() else "quant setup"
    assert checks.setup_line() == expected


# --- packages


def test_only_the_pins_that_hold_here_are_compared(tmp_path: Path) -> None:
    """Comments, options and markers of other systems are left out; the team's own file counts."""
    (tmp_path / "requirements.txt").write_text(
        "# pins\nclick==8.2.1  # why\n-e .\nmissing==1.0 ; sys_platform == 'none'\nnumpy>=2\n",
        encoding="utf-8",
    )
    (tmp_path / "requirements-team.txt").write_text("ours==1.0\n", encoding="utf-8")
    assert list(checks.pins(tmp_path)) == [("click", "8.2.1"), ("ours", "1.0")]


def test_packages_that_differ_are_named(tmp_path: Path) -> None:
    """Three by name, the others by number, and the command that installs them."""
    lines = [f"no-such-package-{number}==1.0\n" for number in range(5)]
    (tmp_path / "requirements.txt").write_text("".join(lines), encoding="utf-8")
    check = checks.check_packages(tmp_path)
    assert check.state == "fail"
    assert check.detail.startswith("no-such-package-0 is missing, ")
    assert check.detail.endswith(" and 2 more")
    assert check.fix == "pip install -r requirements.txt"


def test_no_pins_at_all_is_a_fault(tmp_path: Path) -> None:
    """An empty or missing requirements.txt does not pass as "0 pins are installed"."""
    assert checks.check_packages(tmp_path).state == "fail"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-team.txt"])
def test_pins_that_are_not_text_are_named(tmp_path: Path, name: str) -> None:
    """The sentence says which of the two files it is."""
    (tmp_path / name).write_bytes(b"click==8.2.1\n\xff\n")
    with pytest.raises(QuantError, match=rf"^{name} is not UTF-8 text: "):
        list(checks.pins(tmp_path))


# --- the environment file


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return an empty git repository with a `.env`."""
    git.run(tmp_path, "init", "--quiet")
    path = tmp_path / ".env"
    path.write_text("TICKDB_BASE_URL=sandbox\n", encoding="utf-8")
    path.chmod(0o600)
    return tmp_path


@posix_only
def test_an_environment_file_is_for_the_owner_only(repository: Path) -> None:
    """Its mode, and the command that sets it."""
    assert checks.check_env_file(repository).state == "ok"
    (repository / ".env").chmod(0o644)
    assert checks.check_env_file(repository).fix == "chmod 600 .env"


@posix_only
def test_of_a_linked_environment_file_the_target_counts(repository: Path, tmp_path: Path) -> None:
    """The mode that others meet is the target's, and the command names it."""
    target = tmp_path / "shared"
    (repository / ".env").rename(target)
    (repository / ".env").symlink_to(target)
    target.chmod(0o644)
    assert checks.check_env_file(repository).fix == f"chmod 600 {target.resolve()}"
    target.chmod(0o600)
    assert checks.check_env_file(repository).state == "ok"


# --- whose code


def test_code_of_another_checkout_is_a_fault(root: Path, tmp_path: Path) -> None:
    """The modules that run are this repository's, and so foreign to any other."""
    assert checks.check_code(root).state == "ok"
    check = checks.check_code(tmp_path)
    assert check.state == "fail"
    assert "quant_team_" in check.detail


@posix_only
def test_in_a_moved_folder_the_fix_is_a_new_environment(tmp_path: Path) -> None:
    """The interpreter in the folder cannot be used: it imports from where the folder was."""
    make_environment(tmp_path / ".venv", "#!/gone/.venv/bin/python")
    assert checks.check_code(tmp_path).fix == checks.rebuild_line()


@posix_only
def test_the_environment_of_another_checkout_is_not_taken(tmp_path: Path) -> None:
    """A clone whose own was deleted makes a new one; the other checkout keeps its own."""
    other = tmp_path / "other"
    clone = tmp_path / "clone"
    for folder in (other, clone):
        folder.mkdir()
        (folder / ".copier-answers.yml").write_text("", encoding="utf-8")
    environment = make_environment(other / ".venv", "#!/usr/bin/env python")
    assert checks.check_code(clone, str(environment)).fix == checks.rebuild_line()
    assert checks.check_code(clone, str(tmp_path / "conda")).fix is None


# --- the service


def test_the_sandbox_is_called_synthetic(root: Path) -> None:
    """Nobody takes its prices for a market's."""
    check = checks.check_service(root)
    assert check.state == "ok"
    assert "SYNTHETIC" in check.detail


def test_the_sandbox_answers_without_an_exchange_calendar(root: Path) -> None:
    """The doctor would wait a second for one; what brings it is imported by nothing else."""
    program = (
        "import sys\n"
        "from quant_team_data.commands import probe_service\n"
        "print(probe_service()[1], 'exchange_calendars' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program]
    printed = subprocess.check_output(command, cwd=root, encoding="utf-8")
    assert printed == "sandbox False\n"


def test_a_missing_key_is_named_with_its_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fix says which variable in which file."""
    monkeypatch.setenv("TICKDB_BASE_URL", "https://api.tickdb.ai")
    check = checks.check_service(root)
    assert check.state == "fail"
    assert check.fix is not None
    assert str(root / ".env") in check.fix


def test_without_an_environment_file_setup_is_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is not there is not the one to correct."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    monkeypatch.delenv("TICKDB_BASE_URL")
    assert checks.check_service(tmp_path).fix == checks.setup_line()
    (tmp_path / ".env").write_text("TICKDB_BASE_URL=ftp://x\n", encoding="utf-8")
    fix = checks.check_service(tmp_path).fix
    assert fix is not None
    assert str(tmp_path / ".env") in fix
