"""Which files may enter git, and how notebooks do."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, git
from tests.hooked import make_team, stage, start


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """Return a repository of alice's, with the hooks of a team of alice and bob."""
    return make_team(tmp_path)


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


CHECKS = [sys.executable, "-S", "-E", "-I", "hooks/file_checks.py"]
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
    "a key in a header": "Author" + "ization: Bea" + "rer abcdefgh12345678ijklmnop",
    "a key": "encryption_" + "key = 'abcdefgh12345678ijklmnop'",
}


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("src/a.py", "x = 1\n", None),
        (".env.example", "TICKDB_API_KEY=\n# ALPACA_SECRET_KEY=your_alpaca_secret\n", None),
        ("a.md", "Heading\n=======\n\n`tk_live_your_key_here`, token: none\n", None),
        ("a.txt", f"{SECRETS['a TickDB key']}  # not-a-secret\n", None),
        ("a.txt", "token = read_the_token_from_environment(1)\n", None),
        ("a.yaml", f"commit: {'a1' * 20}\n", None),
        (
            "a.txt",
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
        (".env", "A=1\n", "git rm --cached .env"),
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
    """Each fault is one line that says what to do and shows no secret; the index counts."""
    shutil.copy(ROOT / "template" / ".gitignore", team / ".gitignore")
    git(team, "add", ".gitignore")
    stage(team, name, content)
    (team / name).write_text("something else\n", encoding="utf-8")
    done = start(team, *CHECKS)
    assert done.returncode == int(word is not None), done.stdout
    lines = done.stdout.splitlines()
    assert len([line for line in lines if line.startswith(name)]) == (word is not None)
    assert (word or "") in done.stdout
    assert not any(secret.split()[-1] in done.stdout for secret in SECRETS.values())
    git(team, "commit", "-q", "--no-verify", "-m", "feat: x")
    git(team, "rm", "-q", "--cached", name)
    assert start(team, *CHECKS).returncode == 0
    again = start(team, *CHECKS, "--range", "HEAD~1..HEAD")
    assert again.stdout == done.stdout


def test_notebooks_enter_git_without_outputs(team: Path) -> None:
    """The clean filter strips what Jupyter saves, and leaves file and status as they are."""
    (team / ".gitattributes").write_text(
        "*.ipynb text eol=lf filter=quant-notebook\n", encoding="utf-8"
    )
    for name, value in (("clean", "hooks/strip-notebook"), ("smudge", "cat"), ("required", "true")):
        git(team, "config", f"filter.quant-notebook.{name}", value)
    saved = notebook(outputs=[OUTPUT], execution_count=1, source=["'für ∑'"])
    stage(team, "notebooks/a b.ipynb", saved)
    assert git(team, "show", ":notebooks/a b.ipynb") + "\n" == notebook(source=["'für ∑'"])
    git(team, "commit", "-q", "--no-verify", "-m", "feat: notebook")
    assert (team / "notebooks" / "a b.ipynb").read_text(encoding="utf-8") == saved
    assert git(team, "status", "--porcelain", "notebooks") == ""
    stage(team, "notebooks/half.ipynb", "<<<<<<< ours\n{}\n")
    assert git(team, "show", ":notebooks/half.ipynb") == "<<<<<<< ours\n{}"


def test_a_notebook_without_outputs_is_not_rewritten(team: Path) -> None:
    """A clean notebook passes byte for byte; stripping twice is stripping once."""
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
    git(team, "add", "infrastructure/permissions.yaml")
    git(team, "commit", "-q", "-m", "feat: access, which has its own tests")
    git(team, "add", "--all")
    done = start(team, *CHECKS)
    assert (done.returncode, done.stdout) == (0, "")
