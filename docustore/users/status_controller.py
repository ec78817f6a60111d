"""Routes that change the status of one user or many, and restore deleted users."""

from litestar import Controller, Response, post
from litestar.params import JSONBody

from docustore.api.problem_details import problems
from docustore.clock import now_utc
from docustore.security.authentication import AuthorisedRequest
from docustore.users.bulk_status import set_status_of_many
from docustore.users.models import User
from docustore.users.preconditions import IfMatch
from docustore.users.query_parameters import IfMatchHeader, UserId
from docustore.users.responses import ETAG, answer
from docustore.users.schemas import BulkStatusInput
from docustore.users.service import Write, act, restore_user
from docustore.users.views import BulkStatusResult, UserView


def user_action(verb: str, *, refused_with: int) -> post:
    """Declare a status action; `refused_with` is its own status beside 404 and 412."""
    return post(
        f"/{{user_id:str}}/{verb}",
        status_code=200,
        responses=problems(404, refused_with, 412),
        response_headers=[ETAG],
        summary=f"{verb.capitalize()} a user",
    )


class UserStatusController(Controller):
    """Status actions. `If-Match` is optional: the result does not depend on the version."""

    path = "/users"
    tags = ("user status",)

    @user_action("activate", refused_with=410)
    async def activate(
        self, request: AuthorisedRequest, user_id: UserId, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Let the user act. A user that is active already is not changed."""
        return answer(await act(unconditional_write(request, user_id, if_match), User.activate))

    @user_action("deactivate", refused_with=410)
    async def deactivate(
        self, request: AuthorisedRequest, user_id: UserId, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Mark the user as no longer in use. A user that is inactive already is not changed."""
        return answer(await act(unconditional_write(request, user_id, if_match), User.deactivate))

    @user_action("suspend", refused_with=410)
    async def suspend(
        self, request: AuthorisedRequest, user_id: UserId, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Bar the user from acting. A user that is suspended already is not changed."""
        return answer(await act(unconditional_write(request, user_id, if_match), User.suspend))

    @user_action("restore", refused_with=409)
    async def restore(
        self, request: AuthorisedRequest, user_id: UserId, if_match: IfMatchHeader = None
    ) -> Response[UserView]:
        """Take a deletion back. 409 if another user has taken the e-mail address meanwhile."""
        return answer(await restore_user(unconditional_write(request, user_id, if_match)))

    @post(
        "/bulk-status", status_code=200, responses=problems(413, 415, 422), summary="Move users to another status"
    )
    async def bulk_status(self, request: AuthorisedRequest, data: JSONBody[BulkStatusInput]) -> BulkStatusResult:
        """Move all users of one status, not changed since `updated_before`, to another.

        `dry_run` counts only. More users than `max_affected`: 422, and nothing is changed. Users that other
        clients write at the same time may be left as they are; `modified` is the number of changed users.
        """
        return await set_status_of_many(data, actor=request.auth.actor, now=now_utc())


def unconditional_write(request: AuthorisedRequest, user_id: str, if_match: str | None) -> Write:
    """Describe a write that may go without `If-Match`; any version will do then."""
    return Write(user_id=user_id, if_match=IfMatch.optional(if_match), actor=request.auth.actor, now=now_utc())
