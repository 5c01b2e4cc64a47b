"""The clean filter of notebooks, and the check that looks for outputs by itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.hooked import start

sys.path.insert(0, str(ROOT / "template" / "hooks"))
import notebook_filter

sys.path.pop(0)

Json = Any
PATH = "notebooks/a.ipynb"
OUTPUT = {"data": {"text/plain": ["2"]}, "metadata": {}, "output_type": "execute_result"}
TIMES = {"iopub.execute_input": "2024-01-02T03:04:05Z"}
WRITERS: dict[str, Callable[[Json], str]] = {
    "Jupyter": lambda value: json.dumps(value, indent=1, ensure_ascii=False) + "\n",
    "VS Code": lambda value: json.dumps(value, indent=1, ensure_ascii=False),
    "two": lambda value: json.dumps(value, indent=2) + "\n",
    "four": lambda value: json.dumps(value, indent=4, ensure_ascii=False),
    "tabs": lambda value: json.dumps(value, indent="\t") + "\n\n",
    "compact": lambda value: json.dumps(value, separators=(",", ":")),
    "one line": json.dumps,
    "blanks": lambda value: json.dumps(value, indent=1, separators=(" , ", " : ")),
    "sorted": lambda value: json.dumps(value, indent=1, sort_keys=True),
    "CRLF": lambda value: json.dumps(value, indent=1).replace("\n", "\r\n"),
    "BOM": lambda value: "\ufeff" + json.dumps(value, indent=1, ensure_ascii=False),
}


def notebook(*cells: Json, **members: Json) -> dict[str, Json]:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **members}


def code(**members: Json) -> dict[str, Json]:
    """Return a code cell as it is in git, or with other members."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": ["x = 'für'\n", "x"],
        **members,
    }


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def fault(blob: bytes) -> str:
    """Return what is wrong with a notebook, a sentence or none."""
    return " ".join(notebook_filter.faults(PATH, blob))


@pytest.mark.parametrize("writer", WRITERS)
def test_a_run_leaves_no_trace(writer: str) -> None:
    """Whatever writes a notebook: after a run it comes out as the same bytes as before it."""
    before = notebook(code(), code(metadata={"tags": ["x"]}), metadata={"a": 1})
    ran = notebook(
        code(execution_count=1, outputs=[OUTPUT, OUTPUT], metadata={"execution": TIMES}),
        code(metadata={"ExecuteTime": TIMES, "tags": ["x"], "execution": TIMES}),
        metadata={"a": 1, "widgets": {"state": {}}},
    )
    clean, dirty = (encoded(WRITERS[writer](value)) for value in (before, ran))
    assert notebook_filter.stripped(clean) == clean
    assert notebook_filter.stripped(dirty) == clean
    if writer != "BOM":
        assert fault(clean) == ""
    assert "outputs" in fault(dirty)


STRANGE = {
    "a lone surrogate": r'{"cells": [{"source": "\ud83d", "outputs": [1]}], "nbformat": 4}',
    "an escaped name": r'{"cells": [{"source": "x", "\u006futputs": [1]}], "nbformat": 4}',
    "no type": '{"cells": [{"source": "x", "outputs": [{}]}], "nbformat": 4}',
    "nothing in metadata": '{"cells": [{"metadata": null, "outputs": [1]}], "metadata": null}',
    "no outputs": '{"cells": [{"cell_type": "code", "execution_count": 2}], "nbformat": 4}',
    "a name twice": '{"cells": [{"outputs": [1], "outputs": [], "outputs": [2]}], "nbformat": 4}',
    "cells twice": '{"cells": [{"outputs": [1]}], "cells": [{"outputs": [1]}]}',
    "no number": '{"cells": [{"outputs": [NaN, -Infinity, 1e999]}], "nbformat": 4}',
    "a huge integer": '{"cells": [{"outputs": [%s]}], "n": %s}' % (2 * ("9" * 5000,)),
    "other things for cells": '{"cells": [1, null, "x", [], {}, {"outputs": [1]}]}',
    "a byte order mark": '\ufeff{"cells": [{"outputs": [1]}], "nbformat": 4}',
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_strange_is_stripped_too(name: str) -> None:
    """Only outputs and counts go, of each cell; the rest stays as it was written."""
    text = STRANGE[name]
    once = notebook_filter.stripped(encoded(text))
    expected = text.replace('"execution_count": 2', '"execution_count": null')
    for member in ('"outputs": ', '"\\u006futputs": '):
        for number in ("1", "2", "{}", "9" * 5000, "NaN, -Infinity, 1e999"):
            expected = expected.replace(f"{member}[{number}]", f"{member}[]")
    assert once == encoded(expected) != encoded(text)
    assert notebook_filter.stripped(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[1]",
        '{"cells": 1}',
        '{"cells": []} {}',
        "<<<<<<< ours\n{}\n",
        WRITERS["Jupyter"](notebook(code(metadata=None, outputs=None))),
        WRITERS["Jupyter"](notebook({"cell_type": "code", "source": "x"})),
        "[" * 100_000,
        '{"cells": [{"outputs": [1]}], "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_what_has_no_outputs_or_is_no_notebook_is_not_rewritten(text: str) -> None:
    """Byte for byte, nested too deeply included; the check still says what is wrong."""
    raw = encoded(text)
    assert notebook_filter.stripped(raw) == raw
    fault(raw)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (notebook(code()), ""),
        (notebook({"cell_type": "code", "source": "x"}), ""),
        (notebook(code(outputs=None, metadata=None)), ""),
        (notebook(code(), code(outputs=[OUTPUT])), "cell 2 holds outputs. Run `quant setup`"),
        (notebook(code(execution_count=0)), "cell 1 holds an execution count. "),
        (notebook(code(metadata={"execution": TIMES})), "cell 1 holds the time of a run. "),
        (notebook(metadata={"widgets": {}}), "the notebook holds the state of widgets. "),
        (
            {"worksheets": [{"cells": []}], "metadata": {}, "nbformat": 3},
            "a notebook of format 3, not 4. Convert it: "
            f"jupyter nbconvert --to notebook --inplace '{PATH}'",
        ),
        ({"cells": []}, "not a notebook of format 4. Save it again with Jupyter."),
        (notebook(nbformat=5), "not a notebook of format 4. "),
        (notebook(cells={}), "not a notebook of format 4. "),
        ([], "not a notebook of format 4. "),
    ],
)
def test_the_check_names_what_is_left(value: Json, sentence: str) -> None:
    """One sentence, with the place and the command that fixes it."""
    found = fault(encoded(WRITERS["Jupyter"](value)))
    assert found.startswith(sentence)
    assert bool(found) == bool(sentence)


def test_the_check_does_not_need_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the filter fails, the check still finds outputs, under a name that comes twice too."""
    monkeypatch.setattr(notebook_filter, "stripped", lambda raw: raw)
    for name in ("a lone surrogate", "an escaped name", "no type"):
        assert fault(encoded(STRANGE[name])).startswith("cell 1 holds outputs")
    twice = '{"cells": [{"outputs": [1], "outputs": []}], "nbformat": 4}'
    assert fault(encoded(twice)).startswith("cell 1 holds outputs")
    assert fault(b"\xff\xfe{}").startswith("not a notebook: it cannot be read as JSON")


# Any notebook-like JSON in any writing.
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
NAMES = st.sampled_from(
    ["outputs", "execution_count", "execution", "ExecuteTime", "widgets", "cells", "metadata", "x"]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
SOURCES = st.text(max_size=20) | st.lists(st.text(max_size=20), max_size=3)
CELLS = st.fixed_dictionaries(
    {"source": SOURCES},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw"]),
        "execution_count": st.none() | st.integers(),
        "outputs": VALUES,
        "metadata": VALUES,
        "id": st.text(max_size=3),
    },
)
NOTEBOOKS = st.fixed_dictionaries(
    {"cells": st.lists(CELLS | VALUES, max_size=4)},
    optional={"metadata": VALUES, "nbformat": st.just(4), "x": VALUES},
)


def expected(value: Json) -> Json:
    """Return what must be left of a notebook, computed on its values."""
    value = json.loads(json.dumps(value))
    if isinstance(value.get("metadata"), dict):
        value["metadata"].pop("widgets", None)
    for cell in value["cells"]:
        if not isinstance(cell, dict):
            continue
        if cell.get("outputs"):
            cell["outputs"] = []
        if cell.get("execution_count") is not None:
            cell["execution_count"] = None
        if isinstance(cell.get("metadata"), dict):
            for name in notebook_filter.RUN_TIMES:
                cell["metadata"].pop(name, None)
    return value


@given(value=NOTEBOOKS, writer=st.sampled_from(sorted(set(WRITERS) - {"BOM"})))
def test_any_notebook_loses_its_outputs_and_nothing_else(value: Json, writer: str) -> None:
    """In any writing: only outputs, counts and times go, and what is left is written as before."""
    raw = encoded(WRITERS[writer](value))
    once = notebook_filter.stripped(raw)
    assert notebook_filter.stripped(once) == once
    assert once == encoded(WRITERS[writer](expected(value)))
    if once == raw:
        assert "holds" not in fault(raw)
    elif value.get("nbformat") == 4:
        assert "holds" in fault(raw)
    assert "holds" not in fault(once)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(raw=st.binary())
@example(raw=b"[" * 200_000)
@example(raw=b'{"cells": [{"outputs": [1], "source": "\xff\xed\xa0\x80"}]}')
def test_no_bytes_break_the_filter(raw: bytes) -> None:
    """Whatever stands in a file: no crash, and what is not JSON is not touched."""
    once = notebook_filter.stripped(raw)
    assert notebook_filter.stripped(once) == once
    fault(raw)
    assert once == raw or raw.startswith(b'{"cells"')


@given(value=NOTEBOOKS, cut=st.integers(min_value=0, max_value=400))
def test_half_a_notebook_is_not_touched(value: Json, cut: int) -> None:
    """A file that was not written to its end stays as it is."""
    raw = encoded(json.dumps(value))[:cut]
    assert notebook_filter.stripped(raw) in (raw, encoded(json.dumps(expected(value))))


def test_the_filter_is_a_program_of_its_own(tmp_path: Path) -> None:
    """Isolated, without packages, with bytes that are not UTF-8, and nothing on standard error."""
    path = tmp_path / "a.ipynb"
    path.write_bytes(b'{"cells": [\r\n{"outputs": [1], "source": "\xe9"}]}\r\n')
    strip = ROOT / "template" / "hooks" / "strip-notebook"
    done = start(tmp_path, "sh", "-c", f"sh '{strip}' <a.ipynb >out")
    assert (done.returncode, done.stderr) == (0, "")
    left = b'{"cells": [\r\n{"outputs": [], "source": "\xe9"}]}\r\n'
    assert (tmp_path / "out").read_bytes() == left
