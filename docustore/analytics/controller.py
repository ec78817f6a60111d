"""The route of the figures."""

from litestar import Controller, get
from litestar.datastructures import State

from docustore.analytics.report import UsersAnalytics, users_analytics
from docustore.api.problem import problems
from docustore.clock import now_utc


class AnalyticsController(Controller):
    """Figures of all users."""

    path = "/users"
    tags = ("analytics",)

    @get("/analytics", responses=problems(), operation_id="get_user_analytics", summary="Users in figures")
    async def users(self, state: State) -> UsersAnalytics:
        """Report totals, users by status, registrations per day and account age.

        Every change updates the figures; `as_of` is the time of the newest change counted. The response time does
        not depend on the number of users.
        """
        return await users_analytics(state.database, now=now_utc())
