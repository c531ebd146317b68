"""What is wrong with a caller's argument, as attributes. Public in `analytics.model`."""

from __future__ import annotations


class ParameterError(ValueError):
    """A caller's argument is not legal.

    field: the argument's name. value: what was given. legal: what is legal, as words that go
    after "expected". The sentence is made of the three, never the other way round.

    >>> str(ParameterError("window", 1, "a whole number from 2 to 5,000"))
    'window is 1, expected a whole number from 2 to 5,000'
    """

    def __init__(self, field: str, value: object, legal: str) -> None:
        super().__init__(field, value, legal)
        self.field = field
        self.value = value
        self.legal = legal

    def __str__(self) -> str:
        return f"{self.field} is {self.value!r}, expected {self.legal}"
