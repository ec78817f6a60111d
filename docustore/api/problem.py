"""The shape of an error response: RFC 9457 `application/problem+json`."""

from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from litestar.openapi.datastructures import ResponseSpec

MEDIA_TYPE: Final = "application/problem+json"
# A body of 1 MB has room for 80,000 unknown fields; an error for each would take five times as much.
MAX_ERRORS: Final = 100


class ProblemError(msgspec.Struct, frozen=True):
    """One error of one field or parameter."""

    pointer: str
    code: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error response.

    `type` is stable and is for programs. `detail` is for people. `request_id` is in the log of the API too.
    `errors` lists the invalid fields, the first hundred of them; `detail` then says how many there are.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: Annotated[list[ProblemError], msgspec.Meta(max_length=MAX_ERRORS)] | msgspec.UnsetType = msgspec.UNSET


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Declare a handler's errors for OpenAPI.

    400, 401, 403, 429, 500 and 503 are added to every route, and 408 to every route that reads a body (413).
    """
    reads_body = HTTPStatus.REQUEST_ENTITY_TOO_LARGE in statuses
    timeout = {HTTPStatus.REQUEST_TIMEOUT.value} if reads_body else set()
    return {
        status: ResponseSpec(
            data_container=Problem,
            description=HTTPStatus(status).phrase,
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in sorted({400, 401, 403, 429, 500, 503, *timeout, *statuses})
    }
