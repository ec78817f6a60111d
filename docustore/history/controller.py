"""Routes of the history of a user: read it, and restore a version."""

from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.datastructures import State
from litestar.params import PathParameter, QueryParameter

from docustore.api.page_parameters import Cursor
from docustore.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from docustore.api.problem import problems
from docustore.clock import now_utc
from docustore.history.restore import restore_version
from docustore.history.user_history import (
    HistoryOrder,
    HistoryPage,
    HistoryQuery,
    list_history,
)
from docustore.security.authentication import AuthorisedRequest
from docustore.users.preconditions import IfMatch
from docustore.users.query_parameters import IfMatchHeader, UserId
from docustore.users.request_cause import cause_of
from docustore.users.responses import ETAG, answer
from docustore.users.service import Write
from docustore.users.views import UserView

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="maximum number of changes on one page")]
Order = Annotated[HistoryOrder, QueryParameter(description="`desc` = newest change first, `asc` = oldest first")]
Number = Annotated[int, PathParameter(description="the `number` of a change of this user")]


class HistoryController(Controller):
    """The history of users."""

    path = "/users"
    tags = ("user history",)

    @get(
        "/{user_id:str}/history",
        responses=problems(404),
        operation_id="list_user_history",
        summary="List the changes of a user",
    )
    async def history(
        self,
        state: State,
        user_id: UserId,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        order: Order = HistoryOrder.DESCENDING,
    ) -> HistoryPage:
        """List the changes of a user page by page: who changed what, and when.

        Each change has a JSON Patch from the user before to the user after. The history of a deleted user can be
        read too.
        """
        query = HistoryQuery(user_id=user_id, order=order, limit=limit, cursor=cursor)
        return await list_history(state.database, await state.read_horizon(state.database), query)

    @post(
        "/{user_id:str}/history/{number:int}/restore",
        status_code=200,
        responses=problems(404, 409, 410, 412, 422, 428),
        response_headers=[ETAG],
        operation_id="restore_user_version",
        summary="Restore a version of a user",
    )
    async def restore(
        self,
        request: AuthorisedRequest,
        state: State,
        user_id: UserId,
        number: Number,
        if_match: IfMatchHeader = None,
    ) -> Response[UserView]:
        """Write the state of a user after one of its changes again, as a new version.

        All writable fields get the values that they had; the password stays. `POST /users/{id}/restore` brings
        back a deleted user.
        """
        write = Write(
            user_id=user_id,
            if_match=IfMatch.required(if_match),
            cause=cause_of(request, reason=f"restore of the version after change {number}"),
            now=now_utc(),
        )
        horizon = await state.read_horizon(state.database)
        return answer(await restore_version(state.database, horizon, write, number))
