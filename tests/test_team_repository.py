"""Life in a rendered repository: set-up, doctor, the first runs, and what each mistake prints."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.conftest import Copy, TeamEnvironment, git, run

pytestmark = pytest.mark.full
FIRST_COMMIT = "feat: start the team repository"


def state(repository: Path) -> dict[str, object]:
    """Return everything that a second `quant setup` must leave alone."""
    return {
        "head": git(repository, "rev-parse", "HEAD"),
        "refs": git(repository, "for-each-ref"),
        "branch": git(repository, "branch", "--show-current"),
        "status": git(repository, "status", "--porcelain"),
        "config": git(repository, "config", "--local", "--list"),
        "env": (repository / ".env").read_bytes(),
        "mode": (repository / ".env").stat().st_mode,
    }


# --- the repository's own tools
# ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_a_copy_passes_its_own_lint_and_types(
    copy: Copy, team_environment: TeamEnvironment, forge: str
) -> None:
    """Ruff and mypy, as the team configured them, have nothing to say about a fresh copy."""
    folder = copy(forge=forge, owner="acme", systems=["postgres", "s3", "broker"])
    git(folder, "init", "--quiet")
    team_environment.run(folder, "ruff", "check")
    team_environment.run(folder, "ruff", "format", "--check")
    team_environment.run(folder, "mypy")


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_a_copy_passes_its_own_tests(
    copy: Copy, team_environment: TeamEnvironment, forge: str
) -> None:
    """The rendered repository's suite passes, whatever key and address the machine has set."""
    folder = copy(forge=forge, owner="acme")
    team_environment.run(folder, "quant", "setup", "--defaults")
    machine = {
        "TICKDB_BASE_URL": "https://api.tickdb.ai",
        "TICKDB_API_KEY": "tk_live_not_used_by_any_test",
    }
    done = team_environment.run(folder, "pytest", "-q", "-p", "no:cacheprovider", env=machine)
    assert re.search(r"\d+ passed", done.stdout)
    assert git(folder, "status", "--porcelain") == "", "its tests leave the work tree as it was"


def test_the_wheel_holds_every_package(
    copy: Copy, team_environment: TeamEnvironment, tmp_path: Path
) -> None:
    """An ordinary, non-editable install works too: the wheel names its packages and `load_env`."""
    folder = copy()
    target = tmp_path / "installed"
    install: list[str | Path] = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        target,
        folder,
    ]
    run(*install, cwd=tmp_path)
    packages = ["data", "features", "strategies", "backtest", "utils", "cli"]
    code = (
        f"import load_env, infrastructure, {', '.join('quant_team_' + name for name in packages)}"
    )
    python = team_environment.bin / "python"
    run(
        python, "-c", code, cwd=tmp_path, env={"PYTHONPATH": str(target), "QUANT_ROOT": str(folder)}
    )


# --- set-up
# -----------------------------------------------------------------------------------------------------------


def test_setup_on_a_fresh_copy(repository: Path) -> None:
    """Git with `main` and `develop`, one commit that keeps the convention, an environment file, hooks, CODEOWNERS."""
    assert git(repository, "log", "--all", "--format=%s") == FIRST_COMMIT
    assert git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").split() == [
        "develop",
        "main",
    ]
    assert git(repository, "branch", "--show-current") == "develop"
    assert git(repository, "status", "--porcelain") == ""
    assert git(repository, "config", "quant.member") == "alice"
    assert (repository / ".env").read_bytes() == (repository / ".env.example").read_bytes()
    if os.name == "posix":
        assert (repository / ".env").stat().st_mode & 0o777 == 0o600
    for handle in ("alice", "bob", "charlie"):
        assert (repository / "notebooks" / handle / "example.ipynb").is_file()
    modes = git(
        repository, "ls-files", "--stage", "hooks/commit-msg", "hooks/pre-commit", "hooks/pre-push"
    )
    assert {line.split()[0] for line in modes.splitlines()} == {"100755"}


def test_setup_a_second_time_changes_nothing(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """Neither a commit nor a setting nor the environment file changes, even one that the user has edited."""
    (repository / ".env").write_text("TICKDB_BASE_URL=sandbox\nMINE=1\n", encoding="utf-8")
    before = state(repository)
    team_environment.run(repository, "quant", "setup", "--defaults")
    team_environment.run(repository, "quant", "setup")
    assert state(repository) == before


def test_setup_on_a_clone(clone: Path, team_environment: TeamEnvironment) -> None:
    """No commit, no branch but a local develop that tracks origin's, and an empty `git status`."""
    head = git(clone, "rev-parse", "HEAD")
    team_environment.run(clone, "quant", "setup", "--as", "bob")
    assert git(clone, "rev-parse", "HEAD") == head
    assert git(clone, "branch", "--show-current") == "main"
    assert git(clone, "for-each-ref", "--format=%(refname:short)", "refs/heads").split() == [
        "develop",
        "main",
    ]
    assert git(clone, "rev-parse", "--abbrev-ref", "develop@{upstream}") == "origin/develop"
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "config", "quant.member") == "bob"
    before = state(clone)
    team_environment.run(clone, "quant", "setup")
    assert state(clone) == before


def test_setup_gives_git_an_author_where_it_has_none(
    copy: Copy, team_environment: TeamEnvironment
) -> None:
    """A machine that never used git gets the member's name and an address that reaches nobody, here only."""
    folder = copy()
    empty = folder.parent / "empty"
    empty.write_text("", encoding="utf-8")
    done = team_environment.run(
        folder, "quant", "setup", "--as", "charlie", env={"GIT_CONFIG_GLOBAL": str(empty)}
    )
    assert (
        git(folder, "log", "--format=%an <%ae>", "-1") == "Charlie <charlie@users.noreply.invalid>"
    )
    assert "git had no user name" in done.stdout
    assert empty.read_text(encoding="utf-8") == ""


def test_setup_without_a_terminal_asks_for_as(
    copy: Copy, team_environment: TeamEnvironment
) -> None:
    """Without a terminal and without --as or --defaults, nothing is done and the sentence says what to type."""
    folder = copy()
    done = team_environment.run(folder, "quant", "setup", check=False)
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == "quant: Who are you? Run `quant setup --as HANDLE` with one of: alice, bob, charlie."
    )
    assert not (folder / ".git").exists()
    assert not (folder / ".env").exists()


# --- doctor
# -----------------------------------------------------------------------------------------------------------


def break_mode(repository: Path) -> None:
    (repository / ".env").chmod(0o644)


def break_env_tracked(repository: Path) -> None:
    git(repository, "add", "--force", ".env")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no environment file": (lambda r: (r / ".env").unlink(), "quant setup"),
    "readable by others": (break_mode, "chmod 600 .env"),
    "environment file in git": (break_env_tracked, "git rm --cached .env"),
    "hooks path": (lambda r: git(r, "config", "core.hooksPath", ".husky"), "quant setup"),
    "interpreter gone": (lambda r: git(r, "config", "quant.python", "/gone/python"), "quant setup"),
    "filter unset": (
        lambda r: git(r, "config", "--unset", "filter.quant-notebook.clean"),
        "quant setup",
    ),
    "mode lost": (
        lambda r: git(r, "update-index", "--chmod=-x", "hooks/pre-push"),
        "git update-index --chmod=+x hooks/pre-push",
    ),
    "hook overwritten": (
        lambda r: (r / "hooks" / "commit-msg").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8"),
        "git checkout HEAD -- hooks && rm",
    ),
    "hooks taken over": (
        lambda r: (r / "hooks" / "pre-commit").rename(r / "hooks" / "pre-commit.legacy"),
        "git checkout HEAD -- hooks && rm",
    ),
    "data not ignored": (
        lambda r: (r / ".gitignore").write_text(".env\n", encoding="utf-8"),
        "git checkout HEAD -- .gitignore",
    ),
    "nobody": (lambda r: git(r, "config", "--unset", "quant.member"), "quant setup --as HANDLE"),
    "code owners edited": (
        lambda r: (r / "infrastructure" / "permissions.yaml").write_text(
            (r / "infrastructure" / "permissions.yaml")
            .read_text(encoding="utf-8")
            .replace("login: null", 'login: "someone"', 1),
            encoding="utf-8",
        ),
        "quant team edit",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_doctor_names_the_fault_and_the_command(
    repository: Path, team_environment: TeamEnvironment, fault: str
) -> None:
    """Each planted fault is one FAIL line that ends with the command that mends it, and doctor exits 1."""
    plant, command = FAULTS[fault]
    plant(repository)
    done = team_environment.run(repository, "quant", "doctor", check=False)
    assert done.returncode == 1, done.stdout
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert any(command in line for line in failed), done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_is_content_with_a_fresh_repository(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """No FAIL line; the local template source is a warning with its remedy."""
    done = team_environment.run(repository, "quant", "doctor")
    assert "FAIL" not in done.stdout
    assert re.search(
        r"^warn  template: .*quant template source ADDRESS$", done.stdout, re.MULTILINE
    )


def test_doctor_says_which_source_won(repository: Path, team_environment: TeamEnvironment) -> None:
    """The environment wins over `.env`; the value of a secret is not printed."""
    done = team_environment.run(
        repository, "quant", "doctor", env={"TICKDB_API_KEY": "tk_test_0123456789"}
    )
    assert "TICKDB_BASE_URL=sandbox from .env" in done.stdout
    assert "TICKDB_API_KEY(set) from environment" in done.stdout
    assert "tk_test_0123456789" not in done.stdout + done.stderr


# --- the first runs
# ---------------------------------------------------------------------------------------------------


def logged(repository: Path) -> list[Path]:
    return sorted((repository / "results").glob("*/*.yaml"))


def test_a_backtest_is_printed_stamped_and_logged(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """`quant run momentum` prints a table stamped SYNTHETIC and leaves one file with the article's fields."""
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
    """Fetch, lock, verify; on other bars than those agreed on, verify names month and symbol and no backtest runs."""
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


# --- bad input
# --------------------------------------------------------------------------------------------------------


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def refused(repository: Path, team_environment: TeamEnvironment, *command: str, **env: str) -> str:
    """Return the one line that a command prints on standard error when it refuses; it leaves the tree as it was."""

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
    """Unknown strategy, symbol, parameter or handle, no key: one line, exit code not 0, nothing written."""
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
    """The served sandbox refuses a key as the vendor does; the sentence says where it is set, not what it is."""
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
    """Bytes that are no text: the file is named."""
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
    """In a folder that is no team repository, with no editable install to fall back on, the sentence says so."""
    done = team_environment.run(
        tmp_path, "quant", "doctor", check=False, env={"QUANT_ROOT": str(tmp_path / "gone")}
    )
    assert done.returncode == 1
    assert done.stderr.startswith("quant: QUANT_ROOT names")


# --- the team changes
# -------------------------------------------------------------------------------------------------

DANA = {"name": "Dana", "handle": "dana", "role": "researcher", "login": "dana-d"}


def change_team(
    repository: Path,
    environment: TeamEnvironment,
    change: Callable[[list[dict[str, object]]], None],
) -> subprocess.CompletedProcess[str]:
    answers = yaml.safe_load((repository / ".copier-answers.yml").read_text(encoding="utf-8"))
    change(answers["team"])
    file = repository.parent / "team.yml"
    file.write_text(yaml.safe_dump(answers["team"]), encoding="utf-8")
    path = os.pathsep.join(
        [str(Path(sys.executable).parent), environment.environment(repository)["PATH"]]
    )
    return environment.run(
        repository, "quant", "team", "edit", "--file", str(file), check=False, env={"PATH": path}
    )


def test_somebody_joins_and_somebody_leaves(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """The change is uncommitted and compiled, the newcomer has a folder, the leaver's stays, the commit line shown."""
    git(repository, "switch", "--quiet", "-c", "feature/alice/team")

    def change(team: list[dict[str, object]]) -> None:
        team.append(dict(DANA))
        next(m for m in team if m["handle"] == "bob")["left"] = True

    done = change_team(repository, team_environment, change)
    assert done.returncode == 0, done.stderr
    assert "dana joins the team" in done.stdout
    assert "bob leaves the team" in done.stdout
    assert 'git commit -m "feat: change the team"' in done.stdout
    permissions = yaml.safe_load(
        (repository / "infrastructure" / "permissions.yaml").read_text(encoding="utf-8")
    )
    assert permissions["members"]["bob"]["left"] is True
    assert (repository / "hooks" / "handles").read_text(encoding="utf-8").split() == [
        "alice",
        "charlie",
        "dana",
    ]
    assert (repository / "notebooks" / "bob" / "example.ipynb").is_file()
    assert (repository / "notebooks" / "dana" / "example.ipynb").is_file()
    assert "@dana-d" in (repository / ".github" / "CODEOWNERS").read_text(encoding="utf-8")
    team_environment.run(repository, "quant", "doctor")
    git(repository, "add", "--all")
    team_environment.run(repository, "git", "commit", "-m", "feat: change the team")
    listed = team_environment.run(repository, "quant", "team", "list").stdout
    assert re.search(r"^dana +Dana +researcher", listed, re.MULTILINE)
    assert re.search(r"^bob .* left$", listed, re.MULTILINE)
    again = change_team(repository, team_environment, lambda team: None)
    assert again.stdout.strip() == "Nothing changed."


def test_a_bad_roster_changes_nothing(repository: Path, team_environment: TeamEnvironment) -> None:
    """The template's sentence is passed on, and the tree stays clean."""
    git(repository, "switch", "--quiet", "-c", "feature/alice/team")
    done = change_team(
        repository, team_environment, lambda team: team.append({**DANA, "role": "boss"})
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "quant: The roster is refused: member 4 (dana): unknown role 'boss'; it is researcher or infrastructure."
    )
    assert git(repository, "status", "--porcelain") == ""


def test_the_team_changes_only_where_it_can_be_reviewed(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """Refused on develop, with a dirty tree, without Copier and without the template's source: a sentence each."""
    add = lambda team: team.append(dict(DANA))  # noqa: E731
    assert "not on develop" in change_team(repository, team_environment, add).stderr
    git(repository, "switch", "--quiet", "-c", "feature/alice/team")
    (repository / "note.txt").write_text("x", encoding="utf-8")
    assert (
        "The work tree is not clean (?? note.txt)"
        in change_team(repository, team_environment, add).stderr
    )
    (repository / "note.txt").unlink()
    answers = repository / ".copier-answers.yml"
    text = re.sub(
        r"_src_path: .*", "_src_path: /gone/template", answers.read_text(encoding="utf-8")
    )
    answers.write_text(text, encoding="utf-8")
    git(repository, "commit", "--quiet", "--all", "--no-verify", "-m", "fix: lose the template")
    done = change_team(repository, team_environment, add)
    assert "The template's source /gone/template cannot be reached" in done.stderr
    for refusal in (done,):
        assert refusal.returncode == 1
        assert "Traceback" not in refusal.stderr


def test_without_copier_the_line_that_installs_it(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """With neither copier nor uvx nor pipx on PATH, `quant team edit` names the command."""
    git(repository, "switch", "--quiet", "-c", "feature/alice/team")
    bare = repository.parent / "bin"
    bare.mkdir()
    (bare / "git").symlink_to(shutil.which("git") or "git")
    done = team_environment.run(
        repository, "quant", "team", "edit", "--file", "x.yml", check=False, env={"PATH": str(bare)}
    )
    assert done.returncode == 1
    assert 'pipx install "copier>=9.19.1"' in done.stderr


def test_on_a_terminal_the_roster_opens_in_the_editor_until_it_is_accepted(
    repository: Path, team_environment: TeamEnvironment, tmp_path: Path
) -> None:
    """A slip does not lose what was typed: the sentence is shown, and the editor opens on it again."""
    pexpect = pytest.importorskip("pexpect")
    git(repository, "switch", "--quiet", "-c", "feature/alice/team")
    editor = tmp_path / "editor"
    editor.write_text(
        "#!/bin/sh\n"
        'if grep -q boss "$1"; then sed -i.bak \'s/boss/researcher/\' "$1"; rm "$1.bak"; exit; fi\n'
        "echo '- {name: Dana, handle: dana, role: boss}' >>\"$1\"\n",
        encoding="utf-8",
    )
    editor.chmod(0o755)
    environment = {**os.environ, **team_environment.environment(repository), "EDITOR": str(editor)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    quant = str(team_environment.bin / "quant")
    terminal = pexpect.spawn(
        quant,
        ["team", "edit"],
        cwd=str(repository),
        env=environment,
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 200),
    )
    terminal.expect("unknown role 'boss'; it is researcher or infrastructure. Edit again?")
    terminal.sendline("y")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert "dana joins the team" in terminal.before
    assert "dana" in (repository / "hooks" / "handles").read_text(encoding="utf-8")


def test_on_a_terminal_setup_asks_who_you_are(
    clone: Path, team_environment: TeamEnvironment
) -> None:
    """The one question of the set-up, with the handles to choose from."""
    pexpect = pytest.importorskip("pexpect")
    environment = {**os.environ, **team_environment.environment(clone)}
    quant = str(team_environment.bin / "quant")
    terminal = pexpect.spawn(
        quant, ["setup"], cwd=str(clone), env=environment, encoding="utf-8", timeout=60
    )
    terminal.expect(r"Who are you \(alice, bob, charlie\)\?")
    terminal.sendline("bob")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert git(clone, "config", "quant.member") == "bob"
