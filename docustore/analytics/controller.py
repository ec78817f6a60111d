"""Routes that answer figures."""

from litestar import Controller, get
from litestar.datastructures import State

from docustore.analytics.report import UsersAnalytics, users_analytics
from docustore.api.problem_details import problems
from docustore.clock import now_utc


class AnalyticsController(Controller):
    """Figures of all users."""

    path = "/users"
    tags = ("analytics",)

    @get("/analytics", responses=problems(), summary="Users in figures")
    async def users(self, state: State) -> UsersAnalytics:
        """Report totals, the distribution of status, registrations per day, and the average age of accounts.

        The figures are kept up to date with every change; `as_of` is the newest change counted. The answer takes
        the same time at any number of users.
        """
        return await users_analytics(state.database, now=now_utc())
