"""The route of the identities of a user."""

from litestar import Controller, get

from docustore.api.problem import problems
from docustore.users.identities_view import IdentityView, list_identities
from docustore.users.query_parameters import UserId


class UserIdentitiesController(Controller):
    """The records that users consist of."""

    path = "/users"
    tags = ("users",)

    @get(
        "/{user_id:str}/identities",
        responses=problems(404),
        operation_id="list_user_identities",
        summary="List the records of a user",
    )
    async def identities(self, user_id: UserId) -> list[IdentityView]:
        """List the records of sources that a user consists of.

        Writes through the API are listed, too. The user has the values of the record with `is_winner`. The
        identities of a deleted user can be read too.
        """
        return await list_identities(user_id)
