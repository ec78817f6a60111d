"""Routes that change the status of users and restore deleted users."""

from litestar import Controller, Response, post
from litestar.params import JSONBody

from docustore.api.problem import problems
from docustore.clock import now_utc
from docustore.security.authentication import AuthorisedRequest
from docustore.users.bulk_status import set_status_of_many
from docustore.users.models import User
from docustore.users.preconditions import IfMatch
from docustore.users.query_parameters import IfMatchHeader, UserId
from docustore.users.request_cause import cause_of
from docustore.users.responses import ETAG, answer
from docustore.users.schemas import BulkStatusInput
from docustore.users.service import Write, act, restore_user
from docustore.users.views import BulkStatusResult, UserView


def user_action(verb: str, *refused_with: int) -> post:
    """Declare a status action.

    Args:
        refused_with: Its statuses besides 404, 409 and 412.
    """
    return post(
        f"/{{user_id:str}}/{verb}",
        status_code=200,
        responses=problems(404, 409, 412, *refused_with),
        response_headers=[ETAG],
        operation_id=f"{verb}_user",
        summary=f"{verb.capitalize()} a user",
    )


class UserStatusController(Controller):
    """Change the status of users, and restore users.

    `If-Match` is optional, because the result does not depend on the version.
    """

    path = "/users"
    tags = ("user status",)

    @user_action("activate", 410)
    async def activate(
        self, request: AuthorisedRequest, user_id: UserId, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Allow a user to act. An active user is not changed."""
        return answer(await act(unconditional_write(request, user_id, if_match), User.activate))

    @user_action("deactivate", 410)
    async def deactivate(
        self, request: AuthorisedRequest, user_id: UserId, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Mark a user as no longer in use. An inactive user is not changed."""
        return answer(await act(unconditional_write(request, user_id, if_match), User.deactivate))

    @user_action("suspend", 410)
    async def suspend(
        self, request: AuthorisedRequest, user_id: UserId, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Forbid a user to act. A suspended user is not changed."""
        return answer(await act(unconditional_write(request, user_id, if_match), User.suspend))

    @user_action("restore")
    async def restore(
        self, request: AuthorisedRequest, user_id: UserId, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Restore a deleted user.

        The answer is 409 if another user has taken the e-mail address since the deletion.
        """
        return answer(await restore_user(unconditional_write(request, user_id, if_match)))

    @post(
        "/bulk-status",
        status_code=200,
        responses=problems(413, 415, 422),
        operation_id="set_status_of_users",
        summary="Move users to another status",
    )
    async def bulk_status(self, request: AuthorisedRequest, data: JSONBody[BulkStatusInput]) -> BulkStatusResult:
        """Move all users with one status to another status.

        With `updated_before`, only users whose last change was before this time are moved. With `dry_run`, the
        users are only counted. If more users match than `max_affected`, the answer is 422 and nothing is changed.
        A user that another client writes at the same time may keep its status. `modified` is the number of changed
        users.
        """
        return await set_status_of_many(data, cause=cause_of(request, reason="bulk status"), now=now_utc())


def unconditional_write(request: AuthorisedRequest, user_id: str, if_match: str | None) -> Write:
    """Describe a write with optional `If-Match`; without it, any version is accepted."""
    precondition = IfMatch.optional(if_match)
    return Write(user_id=user_id, if_match=precondition, cause=cause_of(request), now=now_utc())
