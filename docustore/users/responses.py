"""Responses with one user: the view, and its version as entity tag."""

from http import HTTPStatus
from typing import Final, cast

from litestar import Response
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec

from docustore.api.entity_tags import entity_tag
from docustore.api.json_response import JsonResponse
from docustore.users.preconditions import is_current
from docustore.users.stored import RawUser
from docustore.users.views import UserView, user_view

NOT_MODIFIED: Final = {304: ResponseSpec(data_container=None, description="your copy is still current")}
ETAG: Final = ResponseHeader(
    name="ETag", description="the version of the user, for `If-Match` and `If-None-Match`", documentation_only=True
)
LOCATION: Final = ResponseHeader(name="Location", description="the path of the new user", documentation_only=True)
REPLAYED: Final = ResponseHeader(
    name="Idempotent-Replayed",
    description="`true` if an earlier request with the same `Idempotency-Key` created the user",
    documentation_only=True,
)
APPLIED: Final = ResponseHeader(
    name="Preference-Applied", description="the count that `Prefer` asked for", documentation_only=True
)
AS_OF_STATE: Final = ResponseHeader(
    name="As-Of-State",
    description="only with `as_of`: `proven`, or why the state is not proven: `approximate`, `gap`, `pending`, "
    "`before_history`",
    documentation_only=True,
)
LINK: Final = ResponseHeader(
    name="Link", description='`<...>; rel="next"`, on every page except the last', documentation_only=True
)


def answer(user: RawUser, *, status: HTTPStatus = HTTPStatus.OK) -> Response[UserView]:
    """Make the response with one user."""
    view = user_view(user)
    return JsonResponse(view, status=status.value, headers={"ETag": entity_tag(view.version)})


def answer_unless_current(user: RawUser, if_none_match: str | None) -> Response[UserView]:
    """Make the response with one user, or 304 if the client's copy is current."""
    response = answer(user)
    if not is_current(if_none_match, version=response.content.version):
        return response
    empty = Response(None, status_code=HTTPStatus.NOT_MODIFIED.value, headers=response.headers)
    return cast("Response[UserView]", empty)
