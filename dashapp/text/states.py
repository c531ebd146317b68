"""Sentences on why a chart or a table shows nothing: what is so, why, and what changes it."""

from __future__ import annotations

LOADING = "loading"
NO_TRADES = "no trades"
NO_RULES = "no rules: add one above"
NO_ALERTS = "no alerts yet: a rule that fires is listed here"
NO_FOLDS = "no stretches yet: press Walk forward"
NO_SYMBOLS = "no symbols"
NO_TICKS = "no ticks"
NO_BARS = "no bars"
ARCHIVE_EMPTY = "archive empty"
