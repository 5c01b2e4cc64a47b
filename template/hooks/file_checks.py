"""What must not enter the repository, judged on what git records, not on the files in the folder.

    file_checks.py PATH...           the staged files; in CI those of the newer of two commits
    file_checks.py --strip-notebook  a notebook, standard input to output, without its outputs

The first is the hook `files` of `.pre-commit-config.yaml`, the second the clean filter of
`*.ipynb`. Standard library only: it runs in any Python. A line that ends in `not-a-secret` may look
like a secret.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

LARGEST = 1_000_000  # bytes
BEGINNING = 8000  # bytes in which a file that is not text has a zero
# As in quant_team_utils/git.py and quant_team_utils/secret_patterns.py; a test holds them equal.
CONFLICT_MARKER = r"^(<{7}|\|{7}|>{7}) "
SHAPES = {
    "a private key": r"()-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:[^-]*-----END)?",
    "a TickDB key": r"\b(tk_live_)(?=[A-Za-z]*\d)[A-Za-z0-9]{8,}",
    "an AWS access key": r"\b()(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b()(?:gh[opsru]_[A-Za-z0-9]{36}|github_pat_\w{22})",
    "a GitLab token": r"\b()glpat-[\w-]{20}",
    "a Slack token": r"\b()xox[abeprs]-[\w-]{10}",
    "a credential": r"(?i)((?:api_?key|secret|token|passw(?:or)?d)\w{0,30}[\"']?\s*[:=]\s*[\"']?)"
    r"(?=[\w+/=-]{0,99}\d)(?=[\w+/=-]{0,99}[a-z])[\w+/=-]{20,}",
}
PLACES = {
    "a key in a URL": r"(?i)([?&](?:api_?key|token|secret|signature|password)=)[^&\s\"'#]+",
    "a key in a header": r"(?i)((?:x-api-key|authorization)[\"']?\s*[:=,]\s*(?:b?[\"'])?"
    r"(?:(?:bearer|basic|token)\s+)?)[^\s\"',;)]+",
    "a bearer token": r"(?i)\b(bearer\s+)[\w.~+/=-]{20,}",
    "a key": r"(?i)((?:api|secret|encryption)_key\s*[=:]\s*[\"']?)[^\s\"',;)]+",
    "a key of TickDB": r"(tk_(?:live|test)_)[A-Za-z0-9_-]+",
}
REAL = r"(?i)(?=[\w+/=-]{0,99}\d)(?=[\w+/=-]{0,99}[a-z])[\w+/=-]{20,}"
EXAMPLE = re.compile(rb"(?i)example|0123456789")


def main(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    if arguments == ["--strip-notebook"]:
        sys.stdout.buffer.write(stripped(sys.stdin.buffer.read()))
        return 0
    ignored = set(ignored_paths(arguments))
    found = False
    for path, blob in blobs(arguments):
        for fault in faults_of(path, blob, path in ignored):
            print(f"{path}: {fault}")
            found = True
    return int(found)


def stripped(raw: bytes) -> bytes:
    """Return a notebook without outputs, counts and times.

    What has none, or is not a notebook, comes back byte for byte.
    """
    try:
        notebook = json.loads(raw)
        before = json.dumps(notebook)
        notebook.get("metadata", {}).pop("widgets", None)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                strip_cell(cell)
        if json.dumps(notebook) == before:
            return raw
        return json.dumps(notebook, indent=1, ensure_ascii=False).encode() + b"\n"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return raw  # half a merge, for one: the check names it


def strip_cell(cell: dict[str, Any]) -> None:
    """Take outputs, count and times out of a code cell."""
    cell.update(outputs=[], execution_count=None)
    for name in ("execution", "ExecuteTime"):
        cell.get("metadata", {}).pop(name, None)


def faults_of(path: str, blob: bytes, ignored: bool) -> Iterator[str]:
    """Yield what is wrong with one file, a sentence each; never the secret itself."""
    if path.endswith((".rej", ".orig")):
        yield "left over from an update or a merge. Apply it by hand, then delete it."
    elif ignored:
        yield f"this path is ignored (.gitignore). Unstage it: git rm --cached '{path}'"
    if len(blob) > LARGEST:
        size = len(blob) / 1e6
        yield f"{size:.1f} MB is too large for git; the limit is {LARGEST / 1e6:.0f} MB."
        return
    if b"\0" in blob[:BEGINNING]:
        return
    conflict = re.search(CONFLICT_MARKER.encode(), blob, re.MULTILINE)
    if conflict:
        yield f"line {line_of(blob, conflict)} is a conflict marker. Resolve the conflict."
    elif path.endswith(".ipynb"):
        yield from notebook_faults(blob)
    for name, found in secrets_in(blob):
        line = line_of(blob, found)
        yield f"line {line} looks like {name}. Take it out, and revoke it if it is real."
        return  # one is enough


def notebook_faults(blob: bytes) -> Iterator[str]:
    """Yield what is wrong with a notebook."""
    if not is_notebook(blob):
        yield "not a notebook of format 4. Save it again with Jupyter."
    elif stripped(blob) != blob:
        yield (
            "the notebook holds outputs. Run `quant setup` if you have not, then: "
            "git add --renormalize notebooks"
        )


def secrets_in(blob: bytes) -> Iterator[tuple[str, re.Match[bytes]]]:
    """Yield what looks like a secret, with its name; examples and marked lines are not reported."""
    for name, pattern in (SHAPES | PLACES).items():
        for found in re.finditer(pattern.encode(), blob):
            value = blob[found.end(1) : found.end()]
            is_real = name in SHAPES or re.match(REAL.encode(), value)
            rest = blob[found.start() :].partition(b"\n")[0]
            is_marked = rest.rstrip().endswith(b"not-a-secret")
            if is_real and not is_marked and not EXAMPLE.search(found[0]):
                yield name, found


def is_notebook(blob: bytes) -> bool:
    """Tell whether a file is a Jupyter notebook of the current format."""
    try:
        notebook = json.loads(blob)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(notebook, dict)
        and notebook.get("nbformat") == 4
        and isinstance(notebook.get("cells"), list)
    )


def line_of(blob: bytes, found: re.Match[bytes]) -> int:
    """Return the number of the line in which a match begins."""
    return blob.count(b"\n", 0, found.start()) + 1


def blobs(paths: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each path that holds a file, with what git records of it.

    That is the index, or the commit that a runner's `--to-ref` names.
    """
    commit = os.environ.get("PRE_COMMIT_TO_REF", ":0")
    names = "".join(f"{commit}:{path}\n" for path in paths)
    output = git("cat-file", "--batch", given=names.encode("utf-8", "surrogateescape"))
    start = 0
    for path in paths:
        # NAME blob SIZE, or that there is nothing of this name.
        end = output.index(b"\n", start)
        header = output[start:end].split(b" ")
        start = end + 1
        kind, size = header[-2:]
        if size.isdigit() and kind in (b"blob", b"tree", b"commit"):
            end = start + int(size)
            if kind == b"blob":
                yield path, output[start:end]
            start = end + 1


def ignored_paths(paths: list[str]) -> list[str]:
    """Return the paths that the repository's .gitignore excludes: somebody forced them in."""
    names = "\0".join(paths).encode("utf-8", "surrogateescape")
    # Only the team's list counts, not what one member ignores everywhere.
    output = git(
        "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin", given=names
    )
    return [name.decode("utf-8", "surrogateescape") for name in output.split(b"\0") if name]


def git(*arguments: str, given: bytes) -> bytes:
    """Run git on some input and return its output."""
    return subprocess.run(
        ["git", *arguments], input=given, stdout=subprocess.PIPE, check=False
    ).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
