"""What is wrong with a caller's argument, as attributes. Public in `analytics.model`.

    ParameterError        field, value and what is legal
      OrderError          ... which depends on the value of another field
      SameValueError      two fields that must differ are equal
      MissingError        a field that has no default is absent
      CountError          the value is a number of things: too many, or too few
      UnknownFieldError   the field holds a name that it does not know
      UnexpectedError     the field is given where none is legal
      WithheldError       the value may be a secret: the sentence does not quote it

Sentences are made of the attributes, never the other way round.
"""

from __future__ import annotations

from typing import Any

#: Characters of a value that a sentence quotes, at most.
_QUOTED = 200


class ParameterError(ValueError):
    """A caller's argument is not legal.

    field: the argument's name. value: what was given. legal: what is legal, as words that go
    after "expected". The sentence is made of the three, never the other way round.

    >>> str(ParameterError("window", 1, "a whole number from 2 to 5,000"))
    'window is 1, expected a whole number from 2 to 5,000'
    """

    def __init__(self, field: str, value: Any, legal: str) -> None:
        self.field = field
        self.value = value
        self.legal = legal
        super().__init__(self.sentence)  # so that args[0] is a sentence, as of every ValueError

    @property
    def sentence(self) -> str:
        """What is wrong, in words."""
        return f"{self.field} is {_quoted(self.value)}, expected {self.legal}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, vars(self))


def _rebuilt(kind: type[ParameterError], args: Any, attributes: dict[str, Any]) -> ParameterError:
    """An error that another process pickled: `args` are not what `__init__` takes."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


def _quoted(value: Any) -> str:
    """A value as a sentence quotes it: the beginning of a long one."""
    text = repr(value[:_QUOTED] if isinstance(value, str) else value)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}..."


class OrderError(ParameterError):
    """A value stands on the wrong side of another field's value.

    rule: what is legal, in words with {} in the place of the other field. other, other_value:
    that field's name and value.

    >>> str(OrderError("exit_z", 2.5, "from 0 to below {}", "entry_z", 2.0))
    'exit_z is 2.5, expected from 0 to below entry_z (2.0)'
    """

    def __init__(self, field: str, value: Any, rule: str, other: str, other_value: Any) -> None:
        self.rule = rule
        self.other = other
        self.other_value = other_value
        super().__init__(field, value, rule.format(f"{other} ({other_value})"))


class SameValueError(ParameterError):
    """Two fields that must differ have one value. field: the second of the two, other: the first.

    >>> str(SameValueError("x", "BTCUSDT", "two different symbols", "y"))
    'y and x are both BTCUSDT, expected two different symbols'
    """

    def __init__(self, field: str, value: Any, legal: str, other: str) -> None:
        self.other = other
        super().__init__(field, value, legal)

    @property
    def sentence(self) -> str:
        return f"{self.other} and {self.field} are both {self.value}, expected {self.legal}"


class MissingError(ParameterError):
    """A field that has no default is absent.

    >>> str(MissingError("z_window", None, "a whole number from 2 to 5000"))
    'z_window is missing, expected a whole number from 2 to 5000'
    """

    @property
    def sentence(self) -> str:
        return f"{self.field} is missing, expected {self.legal}"


class CountError(ParameterError):
    """A field has too many things or too few. value: how many. unit: what is counted.

    >>> str(CountError("x_values", 0, "1 to 10,000", "values"))
    'x_values has 0 values, expected 1 to 10,000'
    """

    def __init__(self, field: str, value: int, legal: str, unit: str) -> None:
        self.unit = unit
        super().__init__(field, value, legal)

    @property
    def sentence(self) -> str:
        return f"{self.field} has {self.value:,} {self.unit}, expected {self.legal}"


class UnknownFieldError(ParameterError):
    """A field holds a name that it does not know. value: that name. legal: the known names.

    >>> str(UnknownFieldError("params", "colour", "y, x"))
    "params has 'colour', expected only y, x"
    """

    @property
    def sentence(self) -> str:
        return f"{self.field} has {_quoted(self.value)}, expected only {self.legal}"


class UnexpectedError(ParameterError):
    """A field is given where none is legal. legal: where that is so.

    >>> str(UnexpectedError("params", {}, "none for the metric price"))
    'params is given, expected none for the metric price'
    """

    @property
    def sentence(self) -> str:
        return f"{self.field} is given, expected {self.legal}"


class WithheldError(ParameterError):
    """A value that may be a secret is not legal: its sentence does not quote it.

    >>> str(WithheldError("webhook", "ftp://user:password@host", "a URL that begins with https://"))
    'webhook is not a URL that begins with https://'
    """

    @property
    def sentence(self) -> str:
        return f"{self.field} is not {self.legal}"
