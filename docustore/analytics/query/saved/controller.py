"""Routes of saved queries."""

from http import HTTPStatus
from typing import Annotated

from litestar import Controller, Response, delete, get, post, put
from litestar.datastructures import ResponseHeader, State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from docustore.analytics.query.answer import answer
from docustore.analytics.query.answers import QueryAnswer
from docustore.analytics.query.controller import ASKS
from docustore.analytics.query.cost import QueryLimits
from docustore.analytics.query.saved.bodies import SavedQueryInput
from docustore.analytics.query.saved.store import Writer, find_saved, list_saved, remove, save, stored_query
from docustore.analytics.query.saved.views import SavedQueryView, saved_query_view
from docustore.api.entity_tags import entity_tag
from docustore.api.problem import problems
from docustore.clock import now_utc
from docustore.security.authentication import AuthorisedRequest
from docustore.security.models import Scope
from docustore.security.route_limits import RATE_LIMIT_HEADERS
from docustore.users.query_parameters import if_match_parameter

Name = Annotated[str, PathParameter(description="the `name` of the saved query")]
Explain = Annotated[bool, QueryParameter(name="explain", description="tell how it would be answered; run nothing")]
IfMatchHeader = Annotated[
    str | None,
    if_match_parameter("the `ETag` of the version to replace, or `*`; only for a query that exists"),
]
ETAG = ResponseHeader(name="ETag", description="the version of the saved query", documentation_only=True)


class SavedQueryController(Controller):
    """Questions that are kept under a name."""

    path = "/analytics/queries"
    tags = ("analytics",)

    @get("/", responses=problems(), operation_id="list_queries", summary="List saved queries")
    async def list_all(self, state: State) -> list[SavedQueryView]:
        """List all saved queries by name."""
        return [saved_query_view(each) for each in await list_saved(state.database)]

    @get(
        "/{name:str}",
        responses=problems(404),
        response_headers=[ETAG],
        operation_id="get_query",
        summary="Read a saved query",
    )
    async def read(self, state: State, name: Name) -> Response[SavedQueryView]:
        """Read one saved query.

        `problems` lists what this version of the language does not take.
        """
        return _answer(saved_query_view(await find_saved(state.database, name)))

    @put(
        "/{name:str}",
        responses={
            **problems(409, 412, 413, 415, 422, 428),
            201: ResponseSpec(data_container=SavedQueryView, description="saved under a new name"),
        },
        response_headers=[ETAG],
        operation_id="save_query",
        summary="Save a query",
    )
    async def save(
        self,
        request: AuthorisedRequest,
        state: State,
        name: Name,
        data: JSONBody[SavedQueryInput],
        if_match: IfMatchHeader = None,
    ) -> Response[SavedQueryView]:
        """Save a query under a new name, or replace it with the version in `If-Match`.

        A query belongs to the key that has created it. Only this key and keys with the scope `admin` change it.
        """
        saved = await save(state.database, name, data, writer=_writer(request), if_match=if_match, now=now_utc())
        is_new = saved["version"] == 1
        return _answer(saved_query_view(saved), status=HTTPStatus.CREATED if is_new else HTTPStatus.OK)

    @delete(
        "/{name:str}", responses=problems(404, 409), operation_id="delete_query", summary="Delete a saved query"
    )
    async def remove(self, request: AuthorisedRequest, state: State, name: Name) -> None:
        """Delete a saved query; only its owner and keys with the scope `admin` may.

        Refused while reports answer it.
        """
        await remove(state.database, name, writer=_writer(request))

    @post(
        "/{name:str}/run",
        status_code=200,
        opt=ASKS,
        responses=problems(404, 422),
        response_headers=RATE_LIMIT_HEADERS,
        operation_id="run_saved_query",
        summary="Answer a saved query",
    )
    async def run(self, state: State, name: Name, explain: Explain = False) -> QueryAnswer:
        """Answer a saved query now; see `POST /analytics/query`."""
        query = stored_query(await find_saved(state.database, name))
        if explain:
            query = query.model_copy(update={"explain": True})
        return await answer(state.database, query, now=now_utc(), limits=QueryLimits.of(state.settings))


def _writer(request: AuthorisedRequest) -> Writer:
    return Writer(actor=request.auth.actor, is_admin=request.auth.scope.includes(Scope.ADMIN))


def _answer(view: SavedQueryView, *, status: HTTPStatus = HTTPStatus.OK) -> Response[SavedQueryView]:
    return Response(view, status_code=status.value, headers={"ETag": entity_tag(view.version)})
