"""The route of the feed."""

import time
from typing import Annotated, Final

from litestar import Controller, Response, get
from litestar.datastructures import ResponseHeader, State
from litestar.params import QueryParameter

from docustore.api.event_ids import last_event_id_parameter, number_of
from docustore.api.problem import problems
from docustore.config import Settings
from docustore.feed import server_sent
from docustore.feed.events import FIELDS, FeedOperation
from docustore.feed.feed import Feed
from docustore.feed.filters import feed_filter
from docustore.feed.long_poll import answer
from docustore.feed.reader import Reader
from docustore.feed.server_sent import EventStream
from docustore.security.authentication import AuthorisedRequest, credential_of

NDJSON: Final = "application/x-ndjson"
LARGEST_ID: Final = 2**63 - 1
LONGEST_WAIT_S: Final = 60
MAX_LIMIT: Final = 10_000
DEFAULT_LIMIT: Final = 1000

After = Annotated[
    int | None,
    QueryParameter(
        ge=0,
        le=LARGEST_ID,
        # The framework leaves a minimum of 0 out of the description of an optional number.
        schema_extra={"minimum": 0},
        description="the id of your last change; absent = start now",
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="of NDJSON: maximum number of changes")]
WaitS = Annotated[
    int, QueryParameter(ge=0, le=LONGEST_WAIT_S, description="of NDJSON: seconds to wait for the first change")
]
_OPERATION: Final = "|".join(FeedOperation)
_FIELD: Final = "|".join(FIELDS)

UserIdFilter = Annotated[str | None, QueryParameter(description="only changes of the user with this `id`")]
OperationFilter = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        schema_extra={"pattern": f"^({_OPERATION})(,({_OPERATION}))*$"},
        description="only these, with commas between them: `insert`, `update`, `delete`, `restore`, `snapshot`, "
        "`recovered`",
    ),
]
FieldFilter = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        schema_extra={"pattern": f"^({_FIELD})(,({_FIELD}))*$"},
        description="only updates of these fields, with commas between them, such as `status,roles`; "
        "inserts, deletions and restored users come too",
    ),
]
LastEventId = Annotated[str | None, last_event_id_parameter("the id of your last change; counts before `after`")]
LAST_EVENT_ID: Final = ResponseHeader(
    name="Last-Event-ID", description="of NDJSON: send it as `after` in the next request", documentation_only=True
)


class FeedController(Controller):
    """The live feed."""

    path = "/changes"
    tags = ("changes",)

    @get(
        "/",
        responses=problems(),
        response_headers=[LAST_EVENT_ID],
        media_type=NDJSON,
        operation_id="follow_changes",
        summary="Follow the changes of users",
    )
    async def follow(  # noqa: PLR0913, PLR0917  # each one is a parameter of the request
        self,
        request: AuthorisedRequest,
        state: State,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
        wait_s: WaitS = 0,
        user_id: UserIdFilter = None,
        operation: OperationFilter = None,
        field: FieldFilter = None,
        last_event_id: LastEventId = None,
    ) -> Response[bytes]:
        """Read the changes of users in their order, each one exactly once.

        With `Accept: text/event-stream` the answer is a stream of server-sent events: `ready` once it is open,
        then a `change` for each change. Each has an id. Reconnect with the last one in `Last-Event-ID`, as
        browsers do, and the stream continues after it. `reset` means that the changes after your id are not
        available any more: read all users again and continue after its id. `closed` tells why the server ends the
        stream: `slow`, `shutdown`, `unauthorised` or `lifetime`.

        Otherwise the answer is NDJSON, one change a line: at most `limit` of those after `after`. With `wait_s` it
        waits for the first one. `Last-Event-ID` of the answer is the next `after`, also if nothing came.

        `user` of a change is what `GET /users/{id}` would answer after it, and null if the user is deleted.
        """
        feed: Feed = state.feed
        settings: Settings = state.settings
        wanted = feed_filter(user_id=user_id, operation=operation, field=field)
        key_id = request.auth.key_id
        feed.readers.require_room(key_id)
        reader = Reader(
            key_id=key_id,
            credential=credential_of(request, "GET"),
            wanted=wanted,
            due_at=time.monotonic() + settings.feed_heartbeat_s,
        )
        start = after if last_event_id is None else number_of(last_event_id)
        if server_sent.MEDIA_TYPE in request.headers.get("accept", ""):
            await feed.open(reader, after=start)
            return EventStream(feed, reader, heartbeat_s=settings.feed_heartbeat_s)
        found = await answer(feed, reader, after=start, limit=limit, wait_s=wait_s)
        headers = {"Last-Event-ID": str(found.after), "Cache-Control": "no-store"}
        return Response(found.lines, media_type=NDJSON, headers=headers)
