"""The pydantic models of dataclasses as JSON has them: `Json[X]` is X as `encode` writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from inspect import cleandoc
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, create_model
from pydantic_core import CoreSchema

_Result = TypeVar("_Result")
#: Types that are made here, which mypy cannot follow.
_list: Any = list
_dict: Any = dict


class Answer(BaseModel):
    """The body of an answer: these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class Body(BaseModel):
    """The body of a request: these fields and no others, of just these types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _AsEncoded:
    """Marks a dataclass whose model is what `encode` makes of it: NaN null, arrays lists."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return handler.generate_schema(json_type(source))


Json = Annotated[_Result, _AsEncoded()]


@cache
def json_type(kind: Any) -> Any:
    """The type of a value of `kind` once it is JSON.

    >>> json_type(float), json_type(tuple[str, ...])
    (float | None, list[str])
    """
    if kind is float:
        return float | None
    if is_dataclass(kind):
        return _model(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if hasattr(origin, "__value__"):  # npt.NDArray is an alias by type from NumPy 2.5 on
        return json_type(origin.__value__[arguments])
    if origin is np.ndarray:
        number = json_type(_scalar(arguments[-1]))
        return _list[number | _list[number]]
    if origin in (Union, UnionType):
        return Union[tuple(json_type(one) for one in arguments)]  # noqa: UP007
    if origin in (dict, Mapping):
        return _dict[arguments[0], json_type(arguments[1])]
    if origin in (tuple, list):
        return _list[json_type(arguments[0])]
    return kind


def _scalar(dtype: Any) -> type:
    number = get_args(dtype)[0]
    return bool if number is np.bool_ else int if issubclass(number, np.integer) else float


def _model(kind: Any) -> type[BaseModel]:
    hints = get_type_hints(kind)
    columns: Any = {one.name: (json_type(hints[one.name]), ...) for one in fields(kind)}
    words = cleandoc(kind.__doc__ or "").partition(">>>")[0].partition("Raises ")[0].rstrip()
    return create_model(kind.__name__, __doc__=words, __base__=Answer, **columns)
