"""Routes of self-service queries."""

from litestar import Controller, post
from litestar.datastructures import State
from litestar.params import JSONBody

from docustore.analytics.query.answer import answer
from docustore.analytics.query.answers import QueryAnswer
from docustore.analytics.query.cost import QueryLimits
from docustore.analytics.query.model import QueryInput
from docustore.api.problem import problems
from docustore.clock import now_utc
from docustore.security.authentication import limited, needs
from docustore.security.models import Scope
from docustore.security.rate_limits import Policy
from docustore.security.route_limits import RATE_LIMIT_HEADERS

# A query reads, whatever its method is.
ASKS = {**needs(Scope.READ), **limited(Policy.QUERY)}


class QueryController(Controller):
    """Questions about users."""

    path = "/analytics"
    tags = ("analytics",)

    @post(
        "/query",
        status_code=200,
        opt=ASKS,
        responses=problems(413, 415, 422),
        response_headers=RATE_LIMIT_HEADERS,
        operation_id="run_query",
        summary="Ask a question about users",
    )
    async def query(self, state: State, data: JSONBody[QueryInput]) -> QueryAnswer:
        """Answer a query from live counters, else by an aggregation of limited cost.

        `metrics` are what is computed, `dimensions` and `time.bucket` make the rows, `filters` and the range of
        `time` choose the users. `source` tells what answered. The cost of an aggregation is estimated before it
        runs, and a query above the limits is refused. `explain` tells the source, the reason, the estimate and the
        pipeline, and runs nothing.
        """
        return await answer(state.database, data, now=now_utc(), limits=QueryLimits.of(state.settings))
