"""A watched pair: what is watched, with which parameters, under which name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from analytics.model import PairParams, ParameterError
from analytics.readings import check_view
from analytics.spread import check_reachable
from dashapp.parameters.check import MissingError, read_or_default
from dashapp.parameters.pair import pair_params
from dashapp.parameters.table import VIEW

_THRESHOLD = next(row for row in VIEW if row.name == "z_threshold")


@dataclass(frozen=True)
class WatchedPair:
    """A pair of a market, its parameters, and the |z| from which it is beyond.

    >>> pair = WatchedPair("demo", PairParams("A", "B"), 2.0)
    >>> WatchedPair.of(pair.document()) == pair, len(pair.id)
    (True, 12)
    """

    market: str
    params: PairParams
    threshold: float

    @cached_property
    def id(self) -> str:
        """The same for the same market and parameters, so that a pair is watched once."""
        text = json.dumps([self.market, asdict(self.params)], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()

    @cached_property
    def unreadable(self) -> str:
        """Why it can never have a z-score, as one that was kept from before; "" where it may."""
        try:
            check_view(self.params)
        except ParameterError as error:
            return str(error)
        return ""

    @property
    def symbols(self) -> tuple[str, str]:
        """Y and X."""
        return self.params.y, self.params.x

    def document(self) -> dict[str, Any]:
        """The pair as plain values, for JSON and for an archive."""
        return {
            "id": self.id,
            "market": self.market,
            "params": asdict(self.params),
            "z_threshold": self.threshold,
        }

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> WatchedPair:
        """The pair of plain values: market, params and z_threshold, 2 where it is absent.

        Raises ParameterError for the first field that is wrong.
        """
        market, params = fields.get("market"), fields.get("params")
        if not isinstance(market, str) or not market:
            raise MissingError("market", market, "the id of a market")
        if not isinstance(params, Mapping):
            raise ParameterError("params", params, "a pair: y, x, and what differs")
        pair = pair_params(params)
        threshold = float(read_or_default(_THRESHOLD, fields))
        check_reachable("z_threshold", threshold, pair.z_window)
        return cls(market, pair, threshold)
