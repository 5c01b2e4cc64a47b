"""The questions: few, each with a default, and every bad answer refused in one sentence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from tests.conftest import ROOT, Copy, run

ALICE = {"name": "Alice", "handle": "alice", "role": "researcher", "senior": True}
BOB = {"name": "Bob", "handle": "bob", "role": "researcher"}
EVERY_KEY = {
    **ALICE,
    "left": False,
    "login": "alice-at-forge",
    "grants": {"tickdb": ["write:alerts"]},
    "deny": {"tickdb": ["read:depth"]},
}


def questions() -> dict[str, Any]:
    document = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    return {key: value for key, value in document.items() if not key.startswith("_")}


def refusal(template: Path, target: Path, **answers: object) -> str:
    """Return the sentence with which the template refuses the answers; nothing may be written."""
    with pytest.raises(ValueError, match="Validation error for question") as caught:
        copier.run_copy(str(template), target, data=answers, defaults=True, unsafe=False)
    assert not target.exists(), "a refused answer leaves nothing behind"
    sentence = str(caught.value).split("': ", 1)[1]
    assert "\n" not in sentence
    return sentence


def test_at_most_six_questions_are_asked() -> None:
    """A newcomer meets at most six questions, each with a help line and a default."""
    asked = {
        name: q
        for name, q in questions().items()
        if q.get("when") is not False and q.get("ask") is not False
    }
    assert len(asked) <= 6
    for name, question in asked.items():
        assert question["help"], name
        assert "default" in question, name


def test_nothing_needs_trust() -> None:
    """No task, extension or migration may ever appear: each would make a stranger type --trust."""
    document = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    assert not {"_tasks", "_migrations", "_jinja_extensions"} & document.keys()
    assert document["_envops"] == {"undefined": "jinja2.StrictUndefined"}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in EVERY_KEY.items() if name != key}


@pytest.mark.parametrize("key", sorted(EVERY_KEY))
def test_a_missing_key_is_optional_or_named(
    copy: Copy, template: Path, tmp_path: Path, key: str
) -> None:
    """With each key left out in turn, the copy succeeds or the sentence names that key: never an
    undefined variable.
    """
    required = {
        "name": "name must be",
        "handle": "handle None must be",
        "role": "unknown role None",
    }
    team = [without(key), {**BOB, "senior": True}]
    if key in required:
        assert required[key] in refusal(template, tmp_path / "team", team=team)
    else:
        assert (copy(team=team) / "infrastructure" / "permissions.yaml").is_file()


REFUSED: dict[str, tuple[Any, str]] = {
    "a string": ("alice, bob", "team must be a list"),
    "a mapping": ({"alice": "researcher"}, "team must be a list"),
    "nobody": ([], "team needs 1 to 200 members, not 0"),
    "too many": (
        [{**ALICE, "handle": f"m{i}"} for i in range(201)],
        "team needs 1 to 200 members, not 201",
    ),
    "a bare handle": (["alice"], "member 1: must be a mapping"),
    "duplicate handle": (
        [ALICE, {**BOB, "handle": "alice"}],
        "member 2 (alice): duplicate handle 'alice'",
    ),
    "unknown role": ([{**ALICE, "role": "quant"}], "member 1 (alice): unknown role 'quant'"),
    "no senior": ([{**ALICE, "senior": False}], "team has no active senior"),
    "the only senior left": ([{**ALICE, "left": True}, BOB], "team has no active senior"),
    "reserved on Windows": (
        [{**ALICE, "handle": "con"}],
        "handle 'con' is a reserved file name on Windows",
    ),
    "reserved with a digit": (
        [{**ALICE, "handle": "lpt1"}],
        "handle 'lpt1' is a reserved file name",
    ),
    "capital in handle": ([{**ALICE, "handle": "Alice"}], "handle 'Alice' must be"),
    "path in handle": ([{**ALICE, "handle": "../alice"}], "handle '../alice' must be"),
    "line end in handle": ([{**ALICE, "handle": "alice\n"}], "must be 1 to 39 lower-case letters"),
    "long handle": ([{**ALICE, "handle": "a" * 40}], "must be 1 to 39 lower-case letters"),
    "number as handle": ([{**ALICE, "handle": 7}], "handle 7 must be"),
    "list as handle": ([{**ALICE, "handle": ["alice"]}], "handle ['alice'] must be"),
    "control character": (
        [{**ALICE, "name": "Al\x07ice"}],
        "member 1: name has control characters",
    ),
    "line separator": ([{**ALICE, "name": "Al\u2028ice"}], "member 1: name has control characters"),
    "right-to-left override": (
        [{**ALICE, "name": "Al\u202eice"}],
        "member 1: name has control characters",
    ),
    "blank name": ([{**ALICE, "name": "  "}], "member 1 (alice): name must be 1 to 80"),
    "long name": ([{**ALICE, "name": "x" * 81}], "member 1 (alice): name must be 1 to 80"),
    "number as name": ([{**ALICE, "name": 5}], "member 1 (alice): name must be 1 to 80"),
    "unknown key": ([{**ALICE, "email": "a@b.c"}], "member 1 (alice): unknown key 'email'"),
    "senior as text": ([{**ALICE, "senior": "yes"}], "senior and left must be true or false"),
    "login with @": ([{**ALICE, "login": "@alice"}], "login '@alice' must be the user name"),
    "duplicate login": (
        [{**ALICE, "login": "a"}, {**BOB, "login": "A"}],
        "member 2 (bob): duplicate login 'A'",
    ),
    "grants as a list": ([{**ALICE, "grants": ["read:kline"]}], "grants must be a mapping"),
    "unknown system": ([{**ALICE, "grants": {"ftp": ["read"]}}], "unknown system 'ftp' in grants"),
    "unknown grant": (
        [{**ALICE, "deny": {"tickdb": ["read:all"]}}],
        "unknown grant 'read:all' of tickdb",
    ),
    "live trading": (
        [{**ALICE, "grants": {"broker_api": ["trade:live"]}}],
        "unknown grant 'trade:live' of broker_api",
    ),
    "grant as a string": (
        [{**ALICE, "grants": {"tickdb": "read:kline"}}],
        "grants of tickdb must be a list",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_roster_is_refused_in_one_sentence(template: Path, tmp_path: Path, case: str) -> None:
    """The sentence names the member and the fault."""
    team, expected = REFUSED[case]
    assert expected in refusal(template, tmp_path / "team", team=team)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"project": "My Team"}, "the name of the repository must be"),
        ({"project": "-x"}, "the name of the repository must be"),
        ({"owner": "a b"}, "the owner must be written as"),
        ({"owner": "https://github.com/acme"}, "the owner must be written as"),
    ],
)
def test_other_bad_answers_are_refused(
    template: Path, tmp_path: Path, answers: dict[str, str], expected: str
) -> None:
    """The sentence says what the answer may be."""
    assert expected in refusal(template, tmp_path / "team", **answers)


def test_the_example_team_never_replaces_a_recorded_one(template: Path, tmp_path: Path) -> None:
    """Where `initialised` is recorded, a missing team is an error and not the example."""
    with pytest.raises(ValueError, match='Question "team" is required'):
        copier.run_copy(
            str(template),
            tmp_path / "team",
            data={"initialised": True},
            defaults=True,
            unsafe=False,
            quiet=True,
        )


def test_the_command_line_ends_with_the_sentence(template: Path, tmp_path: Path) -> None:
    """Copier cannot be wrapped: the last line it prints is the sentence, and nothing is written."""
    data = tmp_path / "team.yml"
    data.write_text(yaml.safe_dump({"team": [{**ALICE, "role": "boss"}]}), encoding="utf-8")
    target = tmp_path / "team"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "copier",
        "copy",
        "--defaults",
        "--data-file",
        data,
        template,
        target,
    ]
    done = run(*command, cwd=tmp_path, check=False)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].endswith(
        "member 1 (alice): unknown role 'boss'; it is researcher or infrastructure"
    )
    assert not target.exists()


def test_the_message_after_copy_says_what_to_type_next(
    template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The message names the next commands, and warns that teammates cannot update from a local
    path.
    """
    copier.run_copy(str(template), tmp_path / "team", defaults=True, unsafe=False, quiet=False)
    message = " ".join(capfd.readouterr().err.split())
    assert "quant setup" in message
    assert f"records the template as the local path {template}, from which" in message
    assert "`.venv/bin/quant template source ADDRESS`" in message
