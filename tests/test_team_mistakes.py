"""What each mistake prints in a rendered repository: one sentence, and nothing is written."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Copy, TeamEnvironment, git

pytestmark = pytest.mark.full


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def refused(repository: Path, team_environment: TeamEnvironment, *command: str, **env: str) -> str:
    """Return the one line that a command prints on standard error when it refuses; it leaves the
    tree as it was.
    """

    def files() -> list[str]:
        lines = git(repository, "status", "--porcelain", "--ignored").splitlines()
        return [
            line for line in lines if not line.endswith(("__pycache__/", " data/", "_cache/"))
        ]  # caches

    before = files()
    done = team_environment.run(repository, *command, check=False, env=env)
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in done.stderr.strip().splitlines() if " | WARNING | " not in line]
    assert len(lines) == 1, done.stderr
    assert files() == before
    return lines[0]


@pytest.mark.parametrize(
    ("command", "environment", "sentence"),
    [
        (["run", "momentun"], {}, "momentum"),
        (["run", "momentum", "--symbols", "NOSUCH.XX"], {}, "NOSUCH.XX"),
        (["run", "momentum", "--set", "lookbck=5"], {}, "lookbck"),
        (["run", "momentum", "--interval", "1x"], {}, "1x"),
        (["run", "momentum"], {"TICKDB_BASE_URL": "https://api.tickdb.ai"}, "TICKDB_API_KEY"),
        (
            ["run", "momentum"],
            {"TICKDB_BASE_URL": "https://api.tickdb.ai", "TICKDB_API_KEY": "tk_live_your_key_here"},
            "TICKDB_API_KEY",
        ),
        (["setup", "--as", "bbo"], {}, "did you mean bob?"),
        (["team", "edit", "--file", "nowhere.yml"], {}, "not on develop"),
    ],
)
def test_bad_input_is_one_sentence(
    repository: Path,
    team_environment: TeamEnvironment,
    command: list[str],
    environment: dict[str, str],
    sentence: str,
) -> None:
    """Unknown strategy, symbol, parameter or handle, no key: one line, exit code not 0, nothing
    written.
    """
    assert sentence in refused(repository, team_environment, "quant", *command, **environment)


def test_a_taken_port_is_one_sentence(repository: Path, team_environment: TeamEnvironment) -> None:
    """`quant sandbox` on a port in use names the port and the option."""
    with taken_port() as port:
        sentence = refused(repository, team_environment, "quant", "sandbox", "--port", str(port))
    assert str(port) in sentence
    assert "--port" in sentence


def test_no_network_is_one_sentence(repository: Path, team_environment: TeamEnvironment) -> None:
    """A service that cannot be reached is named, and the sandbox offered."""
    address = f"http://127.0.0.1:{free_port()}"
    sentence = refused(
        repository,
        team_environment,
        "quant",
        "run",
        "momentum",
        TICKDB_BASE_URL=address,
        TICKDB_API_KEY="tk_test_1",
    )
    assert "127.0.0.1" in sentence
    assert "tk_test_1" not in sentence


def test_a_wrong_key_is_one_sentence(repository: Path, team_environment: TeamEnvironment) -> None:
    """The served sandbox refuses a key as the vendor does; the sentence says where it is set, not
    what it is.
    """
    port = free_port()
    program = shutil.which("quant", path=str(team_environment.bin))
    assert program
    server = subprocess.Popen(
        [program, "sandbox", "--port", str(port)],
        cwd=repository,
        env={**os.environ, **team_environment.environment(repository), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        server.stdout.readline()
        variables = {"TICKDB_BASE_URL": f"http://127.0.0.1:{port}"}
        key = "tk_live_wrong_wrong_wrong"
        sentence = refused(
            repository,
            team_environment,
            "quant",
            "run",
            "momentum",
            **variables,
            TICKDB_API_KEY=key,
        )
        assert "TICKDB_API_KEY" in sentence
        assert key not in sentence
        done = team_environment.run(
            repository,
            "quant",
            "run",
            "momentum",
            env={**variables, "TICKDB_API_KEY": "sandbox-key"},
        )
        assert "momentum" in done.stdout
    finally:
        server.kill()
        server.communicate()


def test_an_unreadable_environment_file_is_one_sentence(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """Bytes that are not text: the file is named."""
    (repository / ".env").write_bytes(b"\xff\xfe\x00")
    assert ".env" in refused(repository, team_environment, "quant", "run", "momentum")


def test_no_git_is_one_sentence(copy: Copy, team_environment: TeamEnvironment) -> None:
    """Without git on PATH, setup says so and does nothing."""
    folder = copy()
    done = team_environment.run(
        folder, "quant", "setup", "--defaults", check=False, env={"PATH": str(team_environment.bin)}
    )
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == "quant: Git is not on PATH: install git, then run this command again."
    )
    assert not (folder / ".env").exists()


def test_outside_a_repository_is_one_sentence(
    tmp_path: Path, team_environment: TeamEnvironment
) -> None:
    """In a folder that is not a team repository, with no editable install to fall back on, the
    sentence says so.
    """
    done = team_environment.run(
        tmp_path, "quant", "doctor", check=False, env={"QUANT_ROOT": str(tmp_path / "gone")}
    )
    assert done.returncode == 1
    assert done.stderr.startswith("quant: QUANT_ROOT names")
