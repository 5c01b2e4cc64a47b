"""What must not enter the repository: judged on the blobs that git records, not on the files in
the folder.

    file_checks.py PATH...           the staged files; between two commits, in CI, those of the
    newer one file_checks.py --strip-notebook  a notebook from standard input to standard output,
    without its outputs

The first is the hook `files` of `.pre-commit-config.yaml`, the second the clean filter of
`*.ipynb`. Standard library only. A line that ends in `not-a-secret` may look like one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

LARGEST = 1_000_000  # bytes
CONFLICT = re.compile(rb"^(<{7}|\|{7}|>{7}) ", re.MULTILINE)
SECRETS = {
    "a private key": rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a TickDB key": rb"\btk_live_(?=[A-Za-z]*\d)[A-Za-z0-9]{8,}",
    "an AWS access key": rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": rb"\b(?:gh[opsru]_[A-Za-z0-9]{36}|github_pat_\w{22})",
    "a GitLab token": rb"\bglpat-[\w-]{20}",
    "a Slack token": rb"\bxox[abeprs]-[\w-]{10}",
    # A name that says so, and a value with both letters and digits: long enough to be no word.
    "a credential": rb"(?i)(?:api_?key|secret|token|passw(?:or)?d)\w{0,30}[\"']?\s*[:=]\s*[\"']?"
    rb"(?=[\w+/=-]{0,99}\d)(?=[\w+/=-]{0,99}[a-z])[\w+/=-]{20,}",
}
EXAMPLE = re.compile(rb"(?i)example|0123456789")


def main(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    if arguments == ["--strip-notebook"]:
        sys.stdout.buffer.write(stripped(sys.stdin.buffer.read()))
        return 0
    ignored = set(ignored_paths(arguments))
    faults = [
        f"{path}: {fault}"
        for path, blob in blobs(arguments)
        for fault in faults_of(path, blob, path in ignored)
    ]
    for fault in faults:
        print(fault)
    return int(bool(faults))


def stripped(raw: bytes) -> bytes:
    """Return a notebook without outputs, counts and times; what has none, or is no notebook, comes back as it was."""
    try:
        notebook = json.loads(raw)
        before = json.dumps(notebook)
        notebook.get("metadata", {}).pop("widgets", None)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell.update(outputs=[], execution_count=None)
                for name in ("execution", "ExecuteTime"):
                    cell.get("metadata", {}).pop(name, None)
        if json.dumps(notebook) == before:
            return raw
        return json.dumps(notebook, indent=1, ensure_ascii=False).encode() + b"\n"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return raw  # half a merge, for one: the check names it


def faults_of(path: str, blob: bytes, ignored: bool) -> Iterator[str]:
    """Yield what is wrong with one file, a sentence each; never the secret itself."""
    if path.endswith((".rej", ".orig")):
        yield "an update or a merge left it over. Work it in, then delete it."
    elif ignored:
        yield f"git is told not to keep such files (.gitignore). Unstage it: git rm --cached '{path}'"
    if len(blob) > LARGEST:
        yield f"{len(blob) / 1e6:.1f} MB are too large for git; {LARGEST / 1e6:.0f} MB is the limit."
        return
    if b"\0" in blob[:8000]:
        return  # no text
    conflict = CONFLICT.search(blob)
    if conflict:
        yield f"line {line_of(blob, conflict)} is the mark of a conflict. Resolve it."
    elif path.endswith(".ipynb") and not is_notebook(blob):
        yield "not a notebook of format 4. Save it again with Jupyter."
    elif path.endswith(".ipynb") and stripped(blob) != blob:
        yield "the notebook holds outputs. Run `quant setup` if you never did, then: git add --renormalize notebooks"
    for name, pattern in SECRETS.items():
        for found in re.finditer(pattern, blob):
            line = blob[found.start() :].partition(b"\n")[0].rstrip()
            if not line.endswith(b"not-a-secret") and not EXAMPLE.search(found[0]):
                yield f"line {line_of(blob, found)} looks like {name}. Take it out, and revoke it if it is real."
                return


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
    """Yield each path that holds a file, with what git records: of the index, or of a runner's `--to-ref`."""
    commit = os.environ.get("PRE_COMMIT_TO_REF", ":0")
    names = "".join(f"{commit}:{path}\n" for path in paths)
    output = git("cat-file", "--batch", given=names.encode("utf-8", "surrogateescape"))
    start = 0
    for path in paths:
        end = output.index(b"\n", start)
        header = output[start:end].split(b" ")
        start = end + 1
        if header[-1].isdigit() and header[-2] in (b"blob", b"tree", b"commit"):
            size = int(header[-1])
            if header[-2] == b"blob":
                yield path, output[start : start + size]
            start += size + 1


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
