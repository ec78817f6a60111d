"""Types of members of request bodies. Pure."""

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from docustore.clock import as_utc, time_form_error


def _time(given: object) -> object:
    # Pydantic alone would also take a number, a date, and other forms.
    problem = time_form_error(given) if isinstance(given, str) else "time_malformed"
    if problem is not None:
        raise PydanticCustomError(problem, "not a time in RFC 3339")
    return given


def _flag(given: object) -> object:
    if not isinstance(given, bool):
        raise PydanticCustomError("bool_type", "not true or false")
    return given


def _whole_number(given: object) -> object:
    # In JSON 76.0 is the whole number 76.
    if isinstance(given, float) and given.is_integer():
        return int(given)
    if not isinstance(given, int) or isinstance(given, bool):
        raise PydanticCustomError("int_type", "not a whole number")
    return given


# Not pydantic's `Strict`: the framework validates with `strict=False`, which switches that off.
Flag = Annotated[bool, BeforeValidator(_flag)]
WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
# For optional members: only here does pydantic describe the least number.
NaturalNumber = Annotated[int, Field(ge=0), BeforeValidator(_whole_number)]
PositiveNumber = Annotated[int, Field(ge=1), BeforeValidator(_whole_number)]
# A time in RFC 3339 with a zone, as UTC.
RequestTime = Annotated[AwareDatetime, BeforeValidator(_time), AfterValidator(as_utc)]
