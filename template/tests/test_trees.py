"""Trees of files: of a commit, of the work tree, of a folder, and as the template renders them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from quant_team_cli import trees
from quant_team_cli.trees import EXECUTABLE, PLAIN, File, RenderingError
from quant_team_utils import git

SCRIPT = """\
import os, sys
from pathlib import Path
target = Path(sys.argv[-1])
target.mkdir()
(target / "asked").write_text(" ".join(sys.argv[1:-1]) + os.getcwd())
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with a page, a program, a notebook and a result."""
    root = tmp_path / "team"
    git.run(tmp_path, "init", "--quiet", str(root))
    git.run(root, "config", "user.name", "Tester")
    git.run(root, "config", "user.email", "tester@users.noreply.invalid")
    for path in ("page.md", "hooks/run", "notebooks/a.ipynb", "results/own/a.yaml"):
        write(root / path, f"{path}\n")
    (root / "hooks" / "run").chmod(0o755)
    git.run(root, "add", "--all")
    git.run(root, "update-index", "--chmod=+x", "hooks/run")
    git.run(root, "commit", "--quiet", "-m", "feat: start")
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def contents(files: dict[str, File]) -> dict[str, tuple[str, bytes]]:
    return {path: (file.mode, file.read()) for path, file in files.items()}


def test_a_commit_holds_modes_and_bytes(repository: Path) -> None:
    """Results and notebooks are left out."""
    assert contents(trees.of_commit(repository, "HEAD")) == {
        "hooks/run": (EXECUTABLE, b"hooks/run\n"),
        "page.md": (PLAIN, b"page.md\n"),
    }


def test_the_work_tree_holds_what_has_changed_since(repository: Path) -> None:
    """Changed, staged, deleted and new files, but neither ignored ones nor daily work."""
    write(repository / ".gitignore", "*.local\n")
    write(repository / "page.md", "mine\n")
    write(repository / "results" / "README.md", "mine\n")
    write(repository / "key.local", "mine\n")
    write(repository / "notebooks" / "b.ipynb", "mine\n")
    (repository / "hooks" / "run").unlink()
    git.run(repository, "add", "page.md")
    assert contents(trees.of_work_tree(repository)) == {
        ".gitignore": (PLAIN, b"*.local\n"),
        "page.md": (PLAIN, b"mine\n"),
        "results/README.md": (PLAIN, b"mine\n"),
    }


def test_a_file_in_conflict_is_in_the_work_tree_once(repository: Path) -> None:
    """With its markers."""
    git.run(repository, "branch", "start")
    for branch, text in (("other", "a\n"), ("mine", "b\n")):
        git.run(repository, "switch", "--quiet", "-c", branch, "start")
        write(repository / "page.md", text)
        git.run(repository, "commit", "--quiet", "--all", "-m", "feat: page")
    with pytest.raises(git.GitError):
        git.run(repository, "merge", "other")
    mode, content = contents(trees.of_work_tree(repository))["page.md"]
    assert mode == PLAIN
    assert content.startswith(b"<<<<<<< ")


def test_a_folder_is_named_as_git_names_it(repository: Path) -> None:
    """So that a rendering and a commit are compared without reading the latter."""
    (repository / ".git").rename(repository.parent / "git")
    found = trees.of_folder(repository)
    (repository.parent / "git").rename(repository / ".git")
    committed = trees.of_commit(repository, "HEAD")
    assert {path: file.digest for path, file in found.items()} == {
        path: file.digest for path, file in committed.items()
    }
    assert all(file.is_same(committed[path]) for path, file in found.items())


def test_the_template_is_rendered_as_recorded(repository: Path, tmp_path: Path) -> None:
    """At its version, with the answers, from a source as seen from the repository."""
    write(tmp_path / "copier.py", SCRIPT)
    answers = {"_commit": "1.0-2-gabc", "_src_path": "../template", "team": []}
    words = [sys.executable, str(tmp_path / "copier.py")]
    with trees.rendering(repository, answers, words) as files:
        asked = files["asked"].read().decode()
    assert asked.startswith("copy --quiet --defaults --vcs-ref=1.0-2-gabc --data-file=")
    assert asked.endswith(f"../template{repository}")


def test_a_template_that_cannot_be_rendered_is_one_sentence(
    repository: Path, tmp_path: Path
) -> None:
    """Copier's last line; the same where Copier itself does not run."""
    answers = {"_commit": "1.0", "_src_path": "../template"}
    write(tmp_path / "copier.py", "raise SystemExit('first\\nno such version')\n")
    words = [sys.executable, str(tmp_path / "copier.py")]
    with (
        pytest.raises(RenderingError, match=r"^no such version$"),
        trees.rendering(repository, answers, words),
    ):
        pass
    with (
        pytest.raises(RenderingError, match="Copier does not run"),
        trees.rendering(repository, answers, [os.fspath(tmp_path / "none")]),
    ):
        pass
