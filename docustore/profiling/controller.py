"""The routes of profiles."""

from typing import Annotated, Final

from litestar import Controller, get
from litestar.datastructures import State
from litestar.params import QueryParameter

from docustore.api.problem import problems
from docustore.profiling.fields import PROFILED
from docustore.profiling.model import UsersProfile
from docustore.profiling.profile import DEFAULT_SAMPLE, Scope, profile_users
from docustore.security.authentication import limited
from docustore.security.rate_limits import Policy
from docustore.security.route_limits import RATE_LIMIT_HEADERS

MAX_USERS: Final = 1_000_000_000
_FIELD: Final = "|".join(field.name.replace(".", r"\.") for field in PROFILED)
Fields = Annotated[
    str | None,
    QueryParameter(
        max_length=500,
        schema_extra={"pattern": f"^({_FIELD})(,({_FIELD}))*$"},
        description="only these, with commas between them, such as `status,profile.location`",
    ),
]
Sample = Annotated[int, QueryParameter(ge=1, le=MAX_USERS, description="the approximate number of users to read")]


class ProfileController(Controller):
    """What the fields of the users contain."""

    path = "/quality/profile"
    tags = ("quality",)

    @get(
        opt=limited(Policy.EXPORT),
        responses=problems(),
        response_headers=[*RATE_LIMIT_HEADERS],
        operation_id="profile_users",
        summary="Profile the fields of the users",
    )
    async def profile(self, state: State, fields: Fields = None, sample: Sample = DEFAULT_SAMPLE) -> UsersProfile:
        """Count nulls, distinct and frequent values, lengths and patterns.

        Of each field, as of one moment, from a sample or from all users. `distinct.method` tells whether a number
        is exact.
        """
        return await profile_users(
            state.database, Scope(fields=tuple(fields.split(",")) if fields is not None else (), sample=sample)
        )
