"""The team repository's own hooks: which branches take commits and pushes, and which files enter git."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, git

HOOKS = ROOT / "template" / "hooks"
ZERO = "0" * 40


def start(
    cwd: Path, *command: str | Path, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command there and return what it said."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        input=given,
        capture_output=True,
        encoding="utf-8",
    )


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """Return a repository on `main` with one commit and the hooks of a team of alice and bob;
    alice sits here.

    A stand-in takes the place of prek: it says that it ran, and fails where a file `refuse` is
    there.
    """
    team = tmp_path / "team"
    (team / "hooks").mkdir(parents=True)
    for name in ("pre-commit", "pre-push", "strip-notebook", "file_checks.py"):
        shutil.copy2(HOOKS / name, team / "hooks" / name)
    (team / "hooks" / "handles").write_text("alice\nbob\n", encoding="utf-8")
    environment = tmp_path / "environment"
    environment.mkdir()
    (environment / "python").symlink_to(sys.executable)
    (environment / "prek").write_text(
        '#!/bin/sh\necho ran "$@" >>"$0.log"\n! [ -f refuse ]\n', encoding="utf-8"
    )
    (environment / "prek").chmod(0o755)
    git(team, "init", "-q")
    for name, value in (
        ("core.hooksPath", "hooks"),
        ("quant.member", "alice"),
        ("quant.python", ""),
    ):
        git(team, "config", name, value or (environment / "python").as_posix())
    git(team, "add", "hooks")
    git(team, "commit", "-q", "-m", "feat: first")
    git(team, "branch", "develop")
    (environment / "prek.log").unlink()
    return team


def runs(team: Path) -> int:
    """Return how often the file checks ran."""
    log = team.parent / "environment" / "prek.log"
    return len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0


def stage(team: Path, name: str = "file", content: str = "x\n") -> None:
    (team / name).parent.mkdir(parents=True, exist_ok=True)
    (team / name).write_text(content, encoding="utf-8")
    git(team, "add", "-f", name)


@pytest.mark.parametrize("branch", ["main", "develop"])
def test_main_and_develop_take_no_commit_on_a_laptop(team: Path, branch: str) -> None:
    """A commit there is refused with the command that takes it elsewhere, and which works."""
    git(team, "switch", "-q", branch)
    stage(team)
    refused = start(team, "git", "commit", "-m", "feat: x")
    assert refused.returncode == 1
    assert "git switch -c feature/alice/<topic>" in refused.stderr
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    assert start(team, "git", "commit", "-m", "feat: x").returncode == 0


def test_merges_pass_on_develop(team: Path) -> None:
    """The article's local merge passes, also after a conflict."""
    for branch, content in (("feature/alice/a", "a\n"), ("feature/alice/b", "b\n")):
        git(team, "switch", "-q", "-c", branch, "develop")
        stage(team, content=content)
        git(team, "commit", "-q", "-m", "feat: x")
    git(team, "switch", "-q", "develop")
    assert start(team, "git", "merge", "--no-ff", "--no-edit", "feature/alice/a").returncode == 0
    assert start(team, "git", "merge", "--no-ff", "--no-edit", "feature/alice/b").returncode == 1
    stage(team, content="both\n")
    assert start(team, "git", "commit", "--no-edit").returncode == 0


def test_a_detached_head_and_a_worktree_know_their_branch(team: Path, tmp_path: Path) -> None:
    """No branch is no reason to refuse; a linked worktree has its own."""
    git(team, "switch", "-q", "--detach")
    stage(team)
    assert start(team, "git", "commit", "-m", "feat: x").returncode == 0
    linked = tmp_path / "linked"
    git(team, "worktree", "add", "-q", str(linked), "develop")
    stage(linked)
    assert start(linked, "git", "commit", "-m", "feat: x").returncode == 1
    git(linked, "switch", "-q", "-c", "feature/bob/topic")
    assert start(linked, "git", "commit", "-m", "feat: x").returncode == 0


def test_the_file_checks_run_only_where_a_file_is_staged(team: Path) -> None:
    """An empty commit and a deletion start no runner; a new, changed or renamed file starts it once."""
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    git(team, "commit", "-q", "--allow-empty", "-m", "feat: nothing")
    assert runs(team) == 0
    stage(team)
    git(team, "commit", "-q", "-m", "feat: file")
    assert runs(team) == 1
    git(team, "mv", "file", "moved")
    git(team, "commit", "-q", "-m", "feat: moved")
    assert runs(team) == 2
    git(team, "rm", "-q", "moved")
    git(team, "commit", "-q", "-m", "feat: gone")
    assert runs(team) == 2


def test_a_failed_check_refuses_the_commit(team: Path) -> None:
    """What the runner says stands on the terminal, and there is no commit."""
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    (team / "refuse").write_text("", encoding="utf-8")
    stage(team)
    assert start(team, "git", "commit", "-m", "feat: x").returncode == 1


def test_without_a_runner_the_commit_is_refused(team: Path, tmp_path: Path) -> None:
    """Nothing passes unchecked: the command that mends it is named."""
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    (tmp_path / "environment" / "prek").unlink()
    only_git = tmp_path / "bin"
    only_git.mkdir()
    for name in ("git", "sh"):
        (only_git / name).symlink_to(str(shutil.which(name)))
    stage(team)
    done = start(team, "git", "commit", "-m", "feat: x", PATH=str(only_git))
    assert done.returncode == 1
    assert "pip install -r requirements.txt" in done.stderr


@pytest.mark.parametrize(
    ("member", "ref", "known", "word"),
    [
        ("alice", "refs/heads/feature/alice/topic", ZERO, None),
        ("alice", "refs/heads/feature/alice/deep/topic", ZERO, None),
        ("alice", "refs/heads/feature/bob/topic", ZERO, "git branch -m feature/alice/topic"),
        ("alice", "refs/heads/topic", ZERO, "git branch -m feature/alice/topic"),
        ("alice", "refs/heads/feature/topic", ZERO, "git branch -m feature/alice/topic"),
        ("alice", "refs/heads/feature/alice/", ZERO, "git branch -m"),
        ("alice", "refs/heads/Feature/alice/topic", ZERO, "git branch -m"),
        ("charlie", "refs/heads/feature/charlie/topic", ZERO, "quant setup --as"),
        (None, "refs/heads/feature/bob/topic", ZERO, None),
        (None, "refs/heads/feature/charlie/topic", ZERO, "git branch -m feature/<handle>/topic"),
        ("alice", "refs/heads/main", ZERO, None),
        ("alice", "refs/heads/develop", ZERO, None),
        ("alice", "refs/heads/main", "develop", "pull request"),
        ("alice", "refs/heads/develop", "develop", "git merge --no-ff"),
        ("alice", "refs/heads/develop", "1" * 40, "git pull"),
        ("alice", "refs/tags/v1", ZERO, None),
        ("alice", "refs/notes/commits", ZERO, None),
    ],
)
def test_which_pushes_pass(
    team: Path, member: str | None, ref: str, known: str, word: str | None
) -> None:
    """A branch carries the handle of who pushes; tags and first pushes pass; a refusal says what to type."""
    git(team, "config", "quant.member", member) if member else git(
        team, "config", "--unset", "quant.member"
    )
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    stage(team)
    git(team, "commit", "-q", "-m", "feat: x")
    known = git(team, "rev-parse", known) if known == "develop" else known
    line = f"refs/heads/x {git(team, 'rev-parse', 'HEAD')} {ref} {known}\n"
    done = start(team, "hooks/pre-push", "origin", "url", given=line)
    assert done.returncode == (word is not None), done.stderr
    assert (word or "") in done.stderr
    assert (
        start(
            team, "hooks/pre-push", "origin", "url", given=f"(delete) {ZERO} {ref} {ZERO}\n"
        ).returncode
        == 0
    )
    both = f"refs/tags/v1 {'1' * 40} refs/tags/v1 {ZERO}\n{line}"
    assert start(team, "hooks/pre-push", "origin", "url", given=both).returncode == done.returncode
    (team / "hooks" / "handles").unlink()
    assert start(team, "hooks/pre-push", "origin", "url", given=line).returncode == 0


def test_the_article_s_workflow_can_be_pushed(team: Path, tmp_path: Path) -> None:
    """main, develop, a feature branch and its --no-ff merge go out; a fast-forward of develop does not."""
    git(tmp_path, "init", "-q", "--bare", "origin.git")
    git(team, "remote", "add", "origin", str(tmp_path / "origin.git"))
    assert start(team, "git", "push", "origin", "main", "develop").returncode == 0
    git(team, "switch", "-q", "-c", "feature/alice/topic", "develop")
    stage(team)
    git(team, "commit", "-q", "-m", "feat: x")
    assert start(team, "git", "push", "-u", "origin", "feature/alice/topic").returncode == 0
    git(team, "switch", "-q", "develop")
    git(team, "merge", "-q", "feature/alice/topic")
    assert start(team, "git", "push", "origin", "develop").returncode == 1
    git(team, "reset", "-q", "--hard", "HEAD~1")
    git(team, "merge", "-q", "--no-ff", "feature/alice/topic")
    assert start(team, "git", "push", "origin", "develop").returncode == 0
    assert start(team, "git", "push", "origin", "develop:main").returncode == 1
    assert start(team, "git", "push", "origin", ":feature/alice/topic").returncode == 0


def notebook(**cell: object) -> str:
    """Return a notebook of one code cell."""
    code = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": ["1 + 1"],
        **cell,
    }
    return (
        json.dumps({"cells": [code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)
        + "\n"
    )


OUTPUT = {
    "data": {"text/plain": ["2"]},
    "execution_count": 1,
    "metadata": {},
    "output_type": "execute_result",
}
SECRETS = {
    "a private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "a TickDB key": "key = 'tk_live_" + "4f9aPq27Xw'",
    "an AWS access key": "AKIA" + "ABCDEFGH12345678",
    "a GitHub token": "ghp_" + "a1" * 18,
    "a GitLab token": "glpat-" + "abcdefghij1234567890",
    "a Slack token": "xoxb-" + "1234567890-abc",
    "a credential": "ALPACA_SECRET_" + "KEY=abcdefgh12345678ijklmnop",
    "a key in a URL": "wss://host/v1?sig" + "nature=abcdefgh12345678ijklmnop",
    "a key in a header": "Author" + "ization: Bearer abcdefgh12345678ijklmnop",
    "a key": "encryption_" + "key = 'abcdefgh12345678ijklmnop'",
}


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("src/a.py", "x = 1\n", None),
        (".env.example", "TICKDB_API_KEY=\n# ALPACA_SECRET_KEY=your_alpaca_secret\n", None),
        ("a.md", "Heading\n=======\n\n`tk_live_your_key_here`, token: none\n", None),
        ("a.py", f"{SECRETS['a TickDB key']}  # not-a-secret\n", None),
        ("a.py", "token = read_the_token_from_environment(1)\n", None),
        ("a.yaml", f"commit: {'a1' * 20}\n", None),
        (
            "a.py",
            "KEY = 'tk_live_0123456789abcdef', 'AKIAIOSFODNN7EXAMPLE', 'tk_live_xxxxxxxxxxxx'\n",
            None,
        ),
        ("notebooks/a.ipynb", notebook(), None),
        (
            "a.py",
            "<<<<<<< before updating\nx\n=======\ny\n>>>>>>> after updating\n",
            "line 1 is a conflict marker",
        ),
        ("a.yaml", "a: 1\n>>>>>>> theirs\n", "line 2 is a conflict marker"),
        ("a.py.rej", "x\n", "left over from an update"),
        ("big.txt", "x" * 1_000_001, "too large"),
        (".env", "A=1\n", "git rm --cached '.env'"),
        ("src/prices.csv", "a,b\n", "git rm --cached"),
        ("data/cache/x.txt", "x\n", "git rm --cached"),
        ("notebooks/a.ipynb", notebook(outputs=[OUTPUT]), "git add --renormalize notebooks"),
        ("notebooks/a.ipynb", notebook(execution_count=3), "git add --renormalize notebooks"),
        ("notebooks/a.ipynb", "{}\n", "not a notebook"),
        ("notebooks/a.ipynb", "no json\n", "not a notebook"),
        *(
            ("config/a.txt", f"first\n{secret}\n", f"line 2 looks like {name}")
            for name, secret in SECRETS.items()
        ),
    ],
)
def test_which_files_may_be_committed(
    team: Path, name: str, content: str, word: str | None
) -> None:
    """Each fault is one line that says what to do; the secret itself is never shown; the index is what counts."""
    shutil.copy(ROOT / "template" / ".gitignore", team / ".gitignore")
    stage(team, name, content)
    (team / name).write_text("something else\n", encoding="utf-8")
    program = [sys.executable, "-S", "-E", "-I", "hooks/file_checks.py"]
    done = start(team, *program, "hooks/handles", name, "not/there")
    assert (done.returncode, done.stderr) == (int(word is not None), "")
    assert len(done.stdout.splitlines()) == (word is not None)
    assert (word or "") in done.stdout
    assert not any(secret.split()[-1] in done.stdout for secret in SECRETS.values())
    git(team, "commit", "-q", "--no-verify", "-m", "feat: x")
    git(team, "rm", "-q", "--cached", name)
    assert start(team, *program, name).returncode == 0
    again = start(team, *program, name, PRE_COMMIT_TO_REF="HEAD")
    assert again.stdout == done.stdout


def test_notebooks_enter_git_without_outputs(team: Path) -> None:
    """The clean filter strips what Jupyter saves, keeps the file in the folder, and leaves the status clean."""
    (team / ".gitattributes").write_text(
        "*.ipynb text eol=lf filter=quant-notebook\n", encoding="utf-8"
    )
    for name, value in (("clean", "hooks/strip-notebook"), ("smudge", "cat"), ("required", "true")):
        git(team, "config", f"filter.quant-notebook.{name}", value)
    saved = notebook(outputs=[OUTPUT], execution_count=1, source=["'für ∑'"])
    stage(team, "notebooks/a b.ipynb", saved)
    assert (
        git(team, "show", ":notebooks/a b.ipynb") + "\n"
        == json.dumps(json.loads(notebook(source=["'für ∑'"])), indent=1, ensure_ascii=False) + "\n"
    )
    git(team, "commit", "-q", "--no-verify", "-m", "feat: notebook")
    assert (team / "notebooks" / "a b.ipynb").read_text(encoding="utf-8") == saved
    assert git(team, "status", "--porcelain", "notebooks") == ""
    stage(team, "notebooks/half.ipynb", "<<<<<<< ours\n{}\n")
    assert git(team, "show", ":notebooks/half.ipynb") == "<<<<<<< ours\n{}"


def test_a_notebook_without_outputs_is_not_rewritten(team: Path) -> None:
    """Whatever its form, a clean notebook passes byte for byte; stripping twice is stripping once."""
    for text in (
        json.dumps(json.loads(notebook())),
        notebook(),
        "",
        "[1]",
        '{"cells": 1}',
        notebook(metadata=None),
    ):
        once = start(team, "hooks/strip-notebook", given=text)
        assert once.stdout == text
    stripped = start(team, "hooks/strip-notebook", given=notebook(outputs=[OUTPUT])).stdout
    assert stripped == notebook()
    assert start(team, "hooks/strip-notebook", given=stripped).stdout == stripped


def test_the_template_passes_its_own_checks(default_team: Path, tmp_path: Path) -> None:
    """Every file that a team gets passes the file checks, so that the first commit can be made."""
    team = shutil.copytree(default_team, tmp_path / "rendered")
    git(team, "init", "-q")
    git(team, "add", "--all")
    names = git(team, "ls-files", "-z").split("\0")[:-1]
    done = start(team, sys.executable, "hooks/file_checks.py", *names)
    assert (done.returncode, done.stdout) == (0, "")
