"""Where the project is, and where this user's caches are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quant_team_utils.paths import (
    HomeNotFoundError,
    ProjectNotFoundError,
    project_root,
    user_cache,
)


def test_the_root_is_found_from_a_folder_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest folder upward with `.copier-answers.yml` is the root; QUANT_ROOT wins."""
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


def link_to_itself(folder: Path) -> str:
    link = folder / "loop"
    link.symlink_to(link)
    return str(link)


@pytest.mark.parametrize(
    "named", [lambda folder: "a" * 5000, link_to_itself, lambda folder: "\x1b[2J"]
)
def test_a_root_that_cannot_be_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: Callable[[Path], str]
) -> None:
    """Whatever QUANT_ROOT holds, and not all of it."""
    monkeypatch.setenv("QUANT_ROOT", named(tmp_path))
    with pytest.raises(ProjectNotFoundError, match="which is not a folder") as caught:
        project_root()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a working directory")
def test_a_working_directory_that_is_gone_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root is then the one of this code."""
    monkeypatch.delenv("QUANT_ROOT")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert (project_root() / ".copier-answers.yml").is_file()


@pytest.mark.parametrize(
    ("platform", "variables", "cache"),
    [
        ("linux", {}, "home/.cache/quant-team"),
        ("linux", {"XDG_CACHE_HOME": "{home}/caches"}, "home/caches/quant-team"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "home/.cache/quant-team"),
        ("linux", {"XDG_CACHE_HOME": ""}, "home/.cache/quant-team"),
        ("darwin", {"XDG_CACHE_HOME": "{home}/caches"}, "home/Library/Caches/quant-team"),
        ("win32", {}, "home/AppData/Local/quant-team"),
        ("win32", {"LOCALAPPDATA": "{home}/Local"}, "home/Local/quant-team"),
    ],
)
def test_caches_are_where_the_platform_keeps_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    variables: dict[str, str],
    cache: str,
) -> None:
    """Each system has its place, and the user's own setting wins where the system has one."""
    home = tmp_path / "home"
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(home=home))
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(sys, "platform", platform)
    assert user_cache() == tmp_path / cache


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other variables")
def test_a_user_without_a_home_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has no entry: the variable is named."""

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(HomeNotFoundError, match="set HOME"):
        user_cache()
