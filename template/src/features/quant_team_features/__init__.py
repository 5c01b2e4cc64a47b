"""Feature pipelines: numbers computed from bars, each known at the close of the bar it stands on."""

from __future__ import annotations

from quant_team_utils.errors import QuantError


class FeatureError(QuantError):
    """A feature was asked for with a parameter that makes no sense."""
