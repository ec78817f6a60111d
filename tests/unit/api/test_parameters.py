"""Query parameters take exactly the forms that the description names."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import pytest
from litestar import Litestar, Request, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

from docustore.api.field_errors import field_error
from docustore.api.parameters import check_of, refuse_invalid_query
from docustore.errors import InvalidQueryError


class Colour(StrEnum):
    RED = "red"
    BLUE = "-blue"


LIMIT = Annotated[int, QueryParameter(ge=1, le=100)]
MOMENT = Annotated[datetime | None, QueryParameter(name="created_at[gte]")]
COLOUR = Annotated[Colour | None, QueryParameter()]
WORDS = Annotated[str, QueryParameter(max_length=3)]
ANY_TEXT = Annotated[str | None, QueryParameter()]


def problem(declared: Any, value: str) -> tuple[str, str] | None:
    found = check_of(FieldDefinition.from_annotation(declared))(value)
    if found is None:
        return None
    error = field_error("/x", *found)
    return error.code, error.detail


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (LIMIT, "1"),
        (LIMIT, "100"),
        (MOMENT, "2026-01-31T12:00:00Z"),
        (MOMENT, "2026-01-31t12:00:00.5+05:30"),
        (COLOUR, "red"),
        (COLOUR, "-blue"),
        (WORDS, "abc"),
        (ANY_TEXT, ""),
        (ANY_TEXT, "x" * 9999),
        (ANY_TEXT, "a\0"),
    ],
)
def test_described_form_is_taken(declared: Any, value: str) -> None:
    assert problem(declared, value) is None


@pytest.mark.parametrize(
    ("declared", "value", "code", "detail"),
    [
        (LIMIT, "0", "out_of_range", "must be at least 1"),
        (LIMIT, "101", "out_of_range", "must be at most 100"),
        (LIMIT, "", "wrong_type", "must be a whole number"),
        (LIMIT, "ten", "wrong_type", "must be a whole number"),
        (LIMIT, "1.0", "wrong_type", "must be a whole number"),
        (LIMIT, "1e1", "wrong_type", "must be a whole number"),
        (LIMIT, "+1", "wrong_type", "must be a whole number"),
        (LIMIT, " 1", "wrong_type", "must be a whole number"),
        (LIMIT, "1_0", "wrong_type", "must be a whole number"),
        (LIMIT, "\u0661", "wrong_type", "must be a whole number"),
        (LIMIT, "9" * 5000, "wrong_type", "must be a whole number"),
        (COLOUR, "green", "not_allowed", "must be 'red' or '-blue'"),
        (COLOUR, "RED", "not_allowed", "must be 'red' or '-blue'"),
        (COLOUR, "", "not_allowed", "must be 'red' or '-blue'"),
        (WORDS, "abcd", "too_long", "must have at most 3 characters"),
    ],
)
def test_other_form_is_refused_with_its_rule(declared: Any, value: str, code: str, detail: str) -> None:
    assert problem(declared, value) == (code, detail)


@pytest.mark.parametrize(
    "value", ["1700000000", "2026-01-31", "2026-01-31T12:00", "2026-01-31T12:00:00", "2026-02-30T12:00:00Z", "now"]
)
def test_only_a_time_with_a_zone_is_a_time(value: str) -> None:
    found = problem(MOMENT, value)

    assert found is not None
    assert found[0] in {"time_malformed", "time_without_zone"}
    assert "2026-01-31T12:00:00Z" in found[1]


def _wanted(*, colour: COLOUR = None) -> str:
    return str(colour)


@get("/", dependencies={"wanted": Provide(_wanted, sync_to_thread=False)})
async def _listed(*, wanted: NamedDependency[SkipValidation[str]], limit: LIMIT = 1) -> str:
    return f"{wanted} {limit}"


def test_parameters_of_a_dependency_are_those_of_its_route() -> None:
    [route] = [route for route in Litestar([_listed], openapi_config=None).routes if isinstance(route, HTTPRoute)]
    handler, _ = route.route_handler_map["GET"]
    scope: Any = {"type": "http", "query_string": b"colour=green&limit=0&x=1", "route_handler": handler}

    with pytest.raises(InvalidQueryError) as caught:
        refuse_invalid_query(Request(scope))

    assert {error.pointer for error in caught.value.errors} == {"/colour", "/limit", "/x"}
