"""Query parameters of a route, by the names that clients send."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Request
from litestar.params import ParameterKwarg
from litestar.types import Empty
from litestar.typing import FieldDefinition

from docustore.errors import FieldError, InvalidQueryError

_ELSEWHERE: Final = frozenset({"header", "cookie", "path"})


def query_parameters(request: Request[Any, Any, Any]) -> Mapping[str, FieldDefinition]:
    """List the query parameters of the request's handler; empty if it has none."""
    parameters = request.route_handler.parsed_fn_signature.parameters
    return {sent_name(key, parameters): each for key, each in parameters.items() if _is_in_query(each)}


def sent_name(key: str, parameters: Mapping[str, FieldDefinition]) -> str:
    """Return the client's name of a parameter.

    For example `created_at[gte]` for the handler's argument `created_from`.
    """
    definition = parameters[key].kwarg_definition if key in parameters else None
    return definition.name or key if isinstance(definition, ParameterKwarg) else key


def missing_parameters(request: Request[Any, Any, Any]) -> tuple[FieldError, ...]:
    """List the required query parameters that are missing in the request."""
    detail = "this parameter is required"
    return tuple(
        FieldError(pointer=f"/{name}", code="missing", detail=detail)
        for name, definition in query_parameters(request).items()
        if definition.default is Empty and name not in request.query_params
    )


def refuse_unknown_parameters(request: Request[Any, Any, Any]) -> None:
    """Refuse parameters that the route does not have.

    A misspelt filter must not answer with everything. A `dry_run` in the query of a route that takes it in the
    body must not start the real run.

    Raises:
        InvalidQueryError: The route does not have one of the parameters.
    """
    if not request.scope["query_string"]:
        return
    known = query_parameters(request)
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        choice = f"use one of {', '.join(sorted(known))}" if known else "the route has no query parameters"
        detail = f"unknown parameter; {choice}"
        raise InvalidQueryError(
            tuple(FieldError(pointer=f"/{name}", code="unknown_parameter", detail=detail) for name in unknown)
        )


def _is_in_query(definition: FieldDefinition) -> bool:
    kwarg = definition.kwarg_definition
    return isinstance(kwarg, ParameterKwarg) and kwarg.param_type.value not in _ELSEWHERE
