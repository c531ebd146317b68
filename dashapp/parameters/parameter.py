"""What is known of a parameter: a row of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from dashapp.parameters.numbers import text_of_number

Kind = Literal["choice", "whole", "number", "switch", "symbol", "text"]


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    name: its field in PairParams, BacktestParams or AlertRule, and its name over HTTP. kind: how
    it is read. limits: of a number, both ends legal. choices: legal texts, each with its words.
    also: whether a text beside them is legal. optional: None is legal; `none` are the texts that
    stand for it, the first of them as a link writes it, and an empty control means it. hint: the
    unit, or what is counted. empty: what a control without a value shows. link: its name in a
    link, where that differs. noun: what another parameter's message calls it. span: from, to and
    steps that its sweep opens with. about: what it means, for the documentation of HTTP.
    """

    name: str
    label: str
    kind: Kind
    control: str
    default: Any = None
    limits: tuple[float, float] | None = None
    choices: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    none: tuple[str, ...] = ("none",)
    hint: str = ""
    empty: str = ""
    group: str = ""
    link: str = ""
    noun: str = ""
    span: tuple[float, float, int] | None = None
    also: Callable[[str], bool] | None = None
    about: str = ""

    @property
    def link_name(self) -> str:
        """What a link calls it."""
        return self.link or self.name

    @property
    def title(self) -> str:
        """The label with its unit, for an axis."""
        return f"{self.label} ({self.hint})" if self.hint else self.label

    @property
    def legal(self) -> str:
        """What is legal, as words that go after "expected"."""
        if self.kind == "choice":
            return f"one of {', '.join(text for text, _ in self.choices)}"
        if self.kind == "switch":
            return "true or false"
        if self.kind == "symbol":
            return "a symbol such as BTCUSDT"
        if self.limits is None:
            return {"whole": "a whole number", "number": "a number"}.get(self.kind, "text")
        low, high = self.limits
        if self.kind == "whole":
            return f"a whole number from {low} to {high}"
        return f"a number from {low:,.15g} to {high:,.15g}"

    def text(self, value: Any) -> str:
        """A value as a link writes it."""
        if value is None:
            return self.none[0] if self.optional else ""
        if isinstance(value, bool):
            return str(value).lower()
        return text_of_number(value) if isinstance(value, int | float) else str(value)

    def control_value(self, value: Any) -> Any:
        """A value as its control holds it."""
        if self.kind == "switch":
            return value
        return "" if value is None and self.kind != "choice" else self.text(value)
