"""The route of the audit log."""

from datetime import datetime
from typing import Annotated

from litestar import Controller, get
from litestar.datastructures import State
from litestar.params import QueryParameter

from docustore.api.page_parameters import Cursor
from docustore.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from docustore.api.problem import problems
from docustore.audit.entries import AuditPage, AuditQuery, list_entries
from docustore.clock import as_utc
from docustore.security.authentication import ADMIN

Actor = Annotated[
    str | None, QueryParameter(description="only actions of `api:<key id>` or `cli:<account>`, exactly")
]
Action = Annotated[str | None, QueryParameter(description="only this action, such as `changes.pause`")]
Target = Annotated[
    str | None, QueryParameter(description="only actions on this target, such as `change_positions/users`")
]
Since = Annotated[datetime | None, QueryParameter(description="only actions at or after this time")]
Until = Annotated[datetime | None, QueryParameter(description="only actions before this time")]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="maximum number of entries on one page")]


class AuditController(Controller):
    """The audit log."""

    path = "/audit"
    tags = ("operation",)

    @get(
        "/",
        opt=ADMIN,
        responses=problems(),
        operation_id="list_audit_entries",
        summary="List what people did",
    )
    async def entries(  # noqa: PLR0913, PLR0917  # each one is a query parameter
        self,
        state: State,
        actor: Actor = None,
        action: Action = None,
        target: Target = None,
        since: Since = None,
        until: Until = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuditPage:
        """List the actions of operators page by page, latest first.

        Each entry says who did what, and gives the state before and after. Changes of users are in the history of
        each user.
        """
        query = AuditQuery(
            actor=actor,
            action=action,
            target=target,
            since=since and as_utc(since),
            until=until and as_utc(until),
            limit=limit,
            cursor=cursor,
        )
        return await list_entries(state.database, query)
