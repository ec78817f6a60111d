"""The route of the quality of one user."""

from litestar import Controller, get
from litestar.datastructures import State

from docustore.api.problem import problems
from docustore.clock import now_utc
from docustore.quality.user_results import UserQuality, user_quality
from docustore.users.query_parameters import UserId


class UserQualityController(Controller):
    """The quality of single users."""

    path = "/users"
    tags = ("quality",)

    @get(
        "/{user_id:str}/quality",
        responses=problems(404, 410),
        operation_id="get_user_quality",
        summary="Which rules does a user violate?",
    )
    async def quality(self, state: State, user_id: UserId) -> UserQuality:
        """Read the result of every rule of quality for one user.

        The results follow the changes of the user within about a second.
        """
        return await user_quality(state.database, state.quality_rules, user_id, now=now_utc())
