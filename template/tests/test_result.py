"""The record of a result: what fits its fields, and what it says of the rest."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from quant_team_backtest import result as records
from quant_team_backtest.results import dump
from quant_team_utils.errors import QuantError

from . import experiments

FIELDS = [
    "experiment_id",
    "strategy",
    "version",
    "date",
    "timestamp",
    "analyst",
    "source",
    "parameters",
    "backtest_config",
    "results",
    "reasons",
    "open",
    "conclusion",
    "next_steps",
    "assumptions",
    "data",
    "locked",
    "lookahead",
    "code",
    "seed",
    "versions",
    "platform",
    "argv",
    "duration_seconds",
    "warnings",
]


def test_the_fields_stand_in_their_order() -> None:
    """A file has every field, in the order in which results have always had them."""
    record = records.of_experiment(experiments.EXPERIMENT, experiments.METRICS)
    assert list(yaml.safe_load(dump(record))) == FIELDS


def test_a_file_comes_back_as_its_record() -> None:
    """What is written is read as the same record, and fits the schema."""
    record = records.of_experiment(experiments.EXPERIMENT, experiments.METRICS)
    document = yaml.safe_load(dump(record))
    assert records.of(document) == record
    jsonschema.validate(document, records.schema())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"results": {"sharpe_ratio": "high"}}, r"got `str` - at `\$.results"),
        ({"locked": "yes"}, r"\$.locked"),
        ({"data": {"AAPL.US": {"bars": 3}}}, r"\$.data"),
        ({"warning": []}, "no field 'warning': did you mean warnings"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], sentence: str) -> None:
    """A field of the wrong type, or one that does not exist, is named with its place."""
    record = records.of_experiment(experiments.EXPERIMENT, experiments.METRICS)
    with pytest.raises(QuantError, match=sentence):
        records.of(records.document(record) | change)


@pytest.mark.parametrize("part", ["strategy", "parameters", "backtest_config"])
def test_the_three_parts_are_required(part: str) -> None:
    """An experiment without one of them is refused by its name."""
    experiment = dict(experiments.EXPERIMENT)
    del experiment[part]
    with pytest.raises(QuantError, match=part):
        records.of_experiment(experiment, experiments.METRICS)


def test_an_unknown_part_is_not_dropped() -> None:
    """What a result has no field for is refused, with the nearest name."""
    experiment = experiments.EXPERIMENT | {"conclusions": "None."}
    with pytest.raises(QuantError, match="did you mean conclusion"):
        records.of_experiment(experiment, experiments.METRICS)


def test_a_metric_that_is_no_number_says_so() -> None:
    """NaN and infinity become null, each with a reason, unless one is given. [empty]"""
    experiment = experiments.EXPERIMENT | {"reasons": {"b": "no trades"}}
    metrics = {"a": float("nan"), "b": float("inf"), "c": 1}
    record = records.of_experiment(experiment, metrics)
    assert record.results == {"a": None, "b": None, "c": 1}
    assert record.reasons == {"a": "the value was nan", "b": "no trades"}
