"""The header `Last-Event-ID` of event streams."""

import re
from typing import Final

from litestar.params import HeaderParameter, ParameterKwarg

from docustore.api.field_errors import field_error, json_pointer
from docustore.errors import InvalidQueryError

# Fewer digits than the largest number of the store.
ID_PATTERN: Final = "^[0-9]{1,18}$"
_NAME: Final = "Last-Event-ID"


def last_event_id_parameter(description: str) -> ParameterKwarg:
    """Declare the header for a route that sends an event stream."""
    return HeaderParameter(name=_NAME, schema_extra={"pattern": ID_PATTERN}, description=description)


def number_of(last_event_id: str) -> int:
    """Read the id that a client sends in the header.

    Raises:
        InvalidQueryError: It is not an id of an event stream.
    """
    if re.fullmatch(ID_PATTERN, last_event_id, re.ASCII) is None:
        raise InvalidQueryError((field_error(json_pointer((_NAME,)), "int_type"),))
    return int(last_event_id)
