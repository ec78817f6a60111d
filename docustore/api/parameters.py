"""Query parameters of a route: their names, and the forms of their values.

The framework converts a value only after it was checked here. Its own conversion takes more forms than `/schema`
describes, such as a number for a time.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from litestar import Request
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg
from litestar.types import Empty
from litestar.typing import FieldDefinition

from docustore.api.field_errors import field_error, json_pointer, one_of
from docustore.clock import time_form_error
from docustore.errors import FieldError, InvalidQueryError

_ELSEWHERE: Final = frozenset({"header", "cookie", "path"})
# Nineteen digits: every 64-bit number. A longer text would be slow to convert.
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)

_FLAGS: Final = ("true", "false")

# Returns a kind of `docustore.api.field_errors` and its context; None if the value is allowed.
Problem = tuple[str, dict[str, Any]]
Check = Callable[[str], Problem | None]


def query_parameters(request: Request[Any, Any, Any]) -> Mapping[str, FieldDefinition]:
    """List the query parameters of the request's handler and of what it depends on."""
    return _declared(request.route_handler)


def refuse_invalid_query(request: Request[Any, Any, Any]) -> None:
    """Refuse unknown, repeated, missing and malformed parameters, all in one answer.

    A misspelt filter must not answer with everything. A `dry_run` in the query of a route that takes it in the
    body must not start the real run.

    Raises:
        InvalidQueryError: At least one parameter is invalid.
    """
    checks, required = _checks(request.route_handler)
    if not request.scope["query_string"] and not required:
        return
    errors = tuple(_query_errors(request.query_params.multi_items(), checks, required))
    if errors:
        raise InvalidQueryError(errors)


def _query_errors(
    given: Iterable[tuple[str, str]], checks: Mapping[str, Check], required: frozenset[str]
) -> Iterator[FieldError]:
    seen: set[str] = set()
    for name, value in given:
        pointer = json_pointer((name,))
        if name not in checks:
            choice = f"use one of {', '.join(sorted(checks))}" if checks else "the route has no query parameters"
            yield field_error(pointer, "unknown_parameter", {"choice": choice})
        elif name in seen:
            yield field_error(pointer, "repeated_parameter")
        elif (problem := checks[name](value)) is not None:
            yield field_error(pointer, *problem)
        seen.add(name)
    for name in sorted(required - seen):
        yield field_error(json_pointer((name,)), "missing_parameter")


@lru_cache(maxsize=256)
def _declared(handler: BaseRouteHandler) -> Mapping[str, FieldDefinition]:
    parameters = _with_dependencies(handler.parsed_fn_signature.parameters, handler.resolve_dependencies())
    return {_sent_name(key, each): each for key, each in parameters if _is_in_query(each)}


def _with_dependencies(
    parameters: Mapping[str, FieldDefinition], providers: Mapping[str, Provide]
) -> Iterator[tuple[str, FieldDefinition]]:
    """Yield the parameters, and instead of a dependency those of its provider."""
    for key, definition in parameters.items():
        if key in providers:
            yield from _with_dependencies(providers[key].parsed_fn_signature.parameters, providers)
        else:
            yield key, definition


@lru_cache(maxsize=256)
def _checks(handler: BaseRouteHandler) -> tuple[Mapping[str, Check], frozenset[str]]:
    declared = _declared(handler)
    required = frozenset(name for name, definition in declared.items() if definition.default is Empty)
    return {name: check_of(definition) for name, definition in declared.items()}, required


def check_of(definition: FieldDefinition) -> Check:
    """Make the check of one parameter from its declaration."""
    limits = definition.kwarg_definition
    kind = next(
        (part.annotation for part in (definition, *definition.inner_types) if isinstance(part.annotation, type)),
        str,
    )
    if issubclass(kind, Enum):
        words = [str(member.value) for member in kind]
        return lambda value: None if value in words else ("enum", {"expected": one_of(words)})
    if issubclass(kind, datetime):
        return _time_problem
    if issubclass(kind, bool):
        return lambda value: None if value in _FLAGS else ("enum", {"expected": one_of(_FLAGS)})
    if issubclass(kind, int):
        return lambda value: _number_problem(value, getattr(limits, "ge", None), getattr(limits, "le", None))
    return lambda value: _text_problem(value, getattr(limits, "max_length", None))


def _time_problem(value: str) -> Problem | None:
    kind = time_form_error(value)
    if kind is None:
        try:
            datetime.fromisoformat(value.upper())
        except ValueError:
            kind = "time_malformed"
    return None if kind is None else (kind, {})


def _number_problem(value: str, least: float | None, greatest: float | None) -> Problem | None:
    if not _WHOLE_NUMBER.fullmatch(value):
        return "int_type", {}
    if least is not None and int(value) < least:
        return "greater_than_equal", {"ge": least}
    if greatest is not None and int(value) > greatest:
        return "less_than_equal", {"le": greatest}
    return None


def _text_problem(value: str, max_chars: int | None) -> Problem | None:
    if max_chars is not None and len(value) > max_chars:
        return "string_too_long", {"max_length": max_chars}
    return None


def _sent_name(key: str, definition: FieldDefinition) -> str:
    # For example `created_at[gte]` for the handler's argument `created_from`.
    kwarg = definition.kwarg_definition
    return kwarg.name or key if isinstance(kwarg, ParameterKwarg) else key


def _is_in_query(definition: FieldDefinition) -> bool:
    kwarg = definition.kwarg_definition
    return isinstance(kwarg, ParameterKwarg) and kwarg.param_type.value not in _ELSEWHERE
