"""What a copy holds: exactly the expected files, all of them valid, whoever is on the team."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_copie.plugin import Copie

from tests.conftest import ROOT, Copy, git, run

SUFFIX = ".jinja"
BY_FORGE = {"github": (".github/",), "gitlab": (".gitlab/", ".gitlab-ci.yml")}
HOSTILE = [
    'O\'Neil "Q" Smith',
    "{{ 7 * 7 }} {% raw %} {# x #}",
    "#hash: [yaml, {x: y}] & *anchor !tag | > %",
    "null",
    "Ünïcödé 名前 🐛",
    "back\\slash \\n \\u0041",
    "- dash",
    "<script>alert(1)</script> | table | `code`",
    "~",
    "  leading and trailing  ",
]


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def expected_files(forge: str) -> set[str]:
    """Return what the template holds, without the suffix and without the other forge's files."""
    others = tuple(
        prefix for name, prefixes in BY_FORGE.items() if name != forge for prefix in prefixes
    )
    listed = git(
        ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "template"
    ).splitlines()
    names = {
        name.removeprefix("template/").removesuffix(SUFFIX)
        for name in listed
        if (ROOT / name).is_file()
    }
    return {name for name in names if not name.startswith(others)}


def hostile_team(size: int) -> list[dict[str, Any]]:
    handles = ["no", "null", "true", "on", "y", "e5", "a-b-c", "inf", "yes", "x0"]
    return [
        {
            "handle": handles[i] if i < len(handles) else f"m{i}",
            "name": HOSTILE[i % len(HOSTILE)],
            "role": "infrastructure" if i % 3 == 2 else "researcher",
            "senior": i == 0,
            "left": i % 5 == 4,
            "grants": {"tickdb": ["write:alerts"], "broker_api": ["trade:paper"]} if i % 2 else {},
        }
        for i in range(size)
    ]


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_a_copy_holds_exactly_the_files_of_the_template(copy: Copy, forge: str) -> None:
    """Nothing is missing, nothing else is there, and the other forge's files are not."""
    assert files_of(copy(forge=forge)) == expected_files(forge)


def test_pytest_copie_copies_it(copie: Copie) -> None:
    """The smoke case through pytest-copie, which reads the template as its users' tests would."""
    result = copie.copy()
    assert result.exception is None
    assert result.exit_code == 0
    assert result.project_dir
    assert (result.project_dir / "README.md").is_file()


def test_a_copy_has_at_most_360_files(default_team: Path) -> None:
    """Copier spends about 14 ms of an update on each. Small modules with a test file each, and a
    page a decision, are worth that: 170 was the limit of fewer and larger ones.
    """
    assert len(files_of(default_team)) <= 360


# Rendered files that hold what people typed, braces included.
TYPED = (".copier-answers.yml", "infrastructure/permissions.yaml")


def assert_valid(folder: Path) -> None:
    """Every file is as the template has it, or rendered without leftovers, and parses as what its
    name says.
    """
    for name in sorted(files_of(folder)):
        text = (folder / name).read_text(encoding="utf-8")
        assert "\r" not in text, name
        assert text, f"{name} is empty"
        plain = ROOT / "template" / name
        if plain.is_file():
            assert (folder / name).read_bytes() == plain.read_bytes(), name
        elif name not in TYPED:
            assert not re.search(r"\{\{|\{%|%\}|\{#", text), f"{name} has unrendered braces"
        match Path(name).suffix:
            case ".py":
                ast.parse(text, name)
            case ".yaml" | ".yml":
                assert yaml.safe_load(text) is not None, name
            case ".toml":
                tomllib.loads(text)
            case ".json" | ".ipynb":
                json.loads(text)


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_every_file_is_valid(copy: Copy, forge: str) -> None:
    """With the default team and all systems, every file parses."""
    assert_valid(copy(forge=forge, owner="acme", systems=["postgres", "s3", "broker"]))


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_hostile_rosters_render_safely(copy: Copy, size: int) -> None:
    """Names with quotes, braces, hashes and emoji, and handles that YAML takes for other things,
    come out as typed.
    """
    team = hostile_team(size)
    folder = copy(team=team, systems=["broker"])
    assert_valid(folder)
    permissions = yaml.safe_load(
        (folder / "infrastructure" / "permissions.yaml").read_text(encoding="utf-8")
    )
    assert list(permissions["members"]) == sorted(member["handle"] for member in team)
    for member in team:
        rendered = permissions["members"][member["handle"]]
        assert {key: rendered[key] for key in ("name", "role", "senior", "left")} == {
            key: member[key] for key in ("name", "role", "senior", "left")
        }
        assert rendered["grants"] == member["grants"]
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert answers["team"] == team
    handles = (folder / "hooks" / "handles").read_text(encoding="utf-8").split()
    assert handles == sorted(member["handle"] for member in team if not member["left"])


def test_only_systems_of_the_team_get_grants(copy: Copy) -> None:
    """A grant on a system that the team does not have is not rendered."""
    team = [
        {
            "name": "Alice",
            "handle": "alice",
            "role": "researcher",
            "senior": True,
            "grants": {"broker_api": ["trade:paper"]},
        }
    ]
    permissions = yaml.safe_load(
        (copy(team=team) / "infrastructure" / "permissions.yaml").read_text(encoding="utf-8")
    )
    assert all(list(grants) == ["tickdb"] for grants in permissions["roles"].values())
    assert permissions["members"]["alice"]["grants"] == {}


def test_the_order_of_the_roster_does_not_matter(copy: Copy) -> None:
    """The same people, typed in another order and with other keys first, render the same bytes."""
    team = hostile_team(5)
    shuffled = [dict(reversed(member.items())) for member in reversed(team)]
    one, two = copy("one", team=team), copy("two", team=shuffled)
    for name in files_of(one) - {".copier-answers.yml"}:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_no_path_depends_on_the_team(copy: Copy) -> None:
    """So no change of the team can delete a file."""
    assert files_of(copy("one", team=hostile_team(1))) == files_of(
        copy("ten", team=hostile_team(10))
    )


def test_file_names_are_legal_on_windows(default_team: Path) -> None:
    """No reserved name, no forbidden character, no two names that differ only in case, no path
    over 120 characters.
    """
    names = files_of(default_team)
    reserved = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
    for name in names:
        assert len(name) <= 120, name
        for part in name.split("/"):
            assert not re.search(r'[<>:"|?*\\\x00-\x1f]', part), name
            assert not reserved.match(part), name
            assert not part.endswith((" ", ".")), name
    assert len({name.lower() for name in names}) == len(names)


IGNORED = [
    ".env",
    ".env.local",
    "alice.pem",
    "secrets/broker.enc",
    "data/bars/AAPL.US.parquet",
    "src/bars.csv",
    "notebooks/alice/model.pkl",
    "notebooks/alice/.ipynb_checkpoints/x.ipynb",
    "src/cli/quant_team_cli/__pycache__/main.cpython-311.pyc",
    ".venv/pyvenv.cfg",
    ".DS_Store",
]
KEPT = [
    ".env.example",
    "src/data/quant_team_data/new.py",
    "src/data/data/module.py",
    "config/events/earnings.csv",
    "tests/bars.parquet",
    "results/momentum/2026-01-02_aapl_momentum_v1_alice-0a1b2c.yaml",
    "results/momentum/2026-01-02_aapl_momentum_v1_alice-0a1b2c.equity.json",
    "data.lock",
    "uv.lock",
    "README.md.rej",
    "notebooks/alice/example.ipynb",
]


def test_what_git_ignores(copy: Copy) -> None:
    """Secrets and market data are ignored; code, events, test data and results are not."""
    folder = copy()
    git(folder, "init", "--quiet")

    def ignored(name: str) -> bool:
        return (
            subprocess.run(
                ["git", "check-ignore", "--quiet", name], cwd=folder, check=False
            ).returncode
            == 0
        )

    assert [name for name in IGNORED if not ignored(name)] == []
    assert [name for name in KEPT if ignored(name)] == []
    assert [name for name in files_of(folder) if ignored(name)] == []


def test_the_file_checks_accept_a_fresh_copy(copy: Copy) -> None:
    """The first commit of a team passes its own hook: nothing in a copy looks like a secret or a
    leftover.
    """
    folder = copy()
    git(folder, "init", "--quiet")
    git(folder, "add", "infrastructure/permissions.yaml")
    git(folder, "commit", "--quiet", "-m", "feat: access, which has its own tests")
    git(folder, "add", "--all")
    done = run(sys.executable, "hooks/file_checks.py", cwd=folder, check=False)
    assert done.stdout == ""


def test_the_team_repository_carries_no_licence_and_says_so(default_team: Path) -> None:
    """A team's code is its own: no licence file, and the README says that there is none."""
    assert not [name for name in files_of(default_team) if "licen" in name.lower()]
    assert "licence" in (default_team / "README.md").read_text(encoding="utf-8").lower()


def test_the_readme_prints_what_the_team_owns(default_team: Path) -> None:
    """The list in copier.yml is the one that the README of the team repository prints."""
    readme = (default_team / "README.md").read_text(encoding="utf-8")
    starters = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))["starters"][
        "default"
    ]
    for starter in starters:
        assert f"`{starter['path'].lstrip('/')}`" in readme, starter
        assert (default_team / starter["path"].lstrip("/")).exists(), starter


def test_the_two_vocabularies_are_one(default_team: Path) -> None:
    """The grants that the questions accept are those that `roster.py` knows."""
    reader = default_team / "src/utils/quant_team_utils/roster.py"
    tree = ast.parse(reader.read_text(encoding="utf-8"))
    literals = {
        ast.unparse(target): node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    known = ast.literal_eval(literals["VOCABULARY"])
    document = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    asked = re.search(
        r"\{\{ (\{.*\}) \| to_json \}\}", document["vocabulary"]["default"], re.DOTALL
    )
    assert asked
    wanted = {system: set(grants) for system, grants in ast.literal_eval(asked[1]).items()}
    assert {system: set(grants) for system, (_, grants) in known.items()} == wanted
