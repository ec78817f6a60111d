"""The base of request bodies, and types of their members. Pure."""

from collections.abc import Sequence
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from docustore.api.field_errors import field_errors
from docustore.clock import as_utc, time_form_error
from docustore.errors import InvalidInputError

MAX_REASON_CHARS: Final = 500
Body = TypeVar("Body", bound=BaseModel)


class RequestBody(BaseModel):
    """A body of JSON.

    Unknown members are refused. Errors do not quote what was sent: it may be personal data.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def parsed(model: type[Body], given: object, *, prefix: Sequence[str] = ()) -> Body:
    """Validate a body, or a part of one.

    Args:
        prefix: The path of the part in the whole body.

    Raises:
        InvalidInputError: At least one member is invalid; the error lists every invalid member.
    """
    try:
        return model.model_validate(given)
    except ValidationError as exc:
        raise InvalidInputError(field_errors(exc.errors(), prefix=prefix)) from exc


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
# What a person says about a decision.
Reason = Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARS, description="why, for the next person")]
