"""Routes of webhooks."""

from datetime import timedelta
from typing import Annotated

from litestar import Controller, Response, delete, get, post, put
from litestar.datastructures import ResponseHeader, State
from litestar.params import JSONBody, PathParameter, QueryParameter

from docustore.api.page_parameters import Cursor, Limit
from docustore.api.pagination import DEFAULT_LIMIT
from docustore.api.problem import problems
from docustore.outbox.listing import DeliveryPage, delivery_page
from docustore.outbox.rows import RowState
from docustore.security.authentication import ADMIN, AuthorisedRequest
from docustore.webhooks import service
from docustore.webhooks.bodies import EnableInput, ReplayRangeInput, RotateInput, WebhookInput, WebhookUpdateInput
from docustore.webhooks.store import destination_of, find_webhook
from docustore.webhooks.views import (
    NewSecretView,
    NewWebhookView,
    RangeView,
    TestView,
    WebhookView,
    webhook_view,
    webhook_views,
)

Id = Annotated[str, PathParameter(description="the `id` of the webhook")]
Number = Annotated[int, PathParameter(description="the `number` of the event", ge=1)]
DeliveryState = Annotated[RowState | None, QueryParameter(name="state", description="all states if absent")]
LOCATION = ResponseHeader(name="Location", description="the path of the new webhook", documentation_only=True)


class WebhooksController(Controller):
    """Webhooks; all routes need the scope `admin`."""

    path = "/webhooks"
    tags = ("webhooks",)
    opt = ADMIN

    @get("/", responses=problems(), operation_id="list_webhooks", summary="List webhooks")
    async def list_all(self, state: State) -> list[WebhookView]:
        """List the webhooks with the state of their deliveries, oldest first."""
        return await webhook_views(state.database)

    @post(
        "/",
        responses=problems(409, 413, 415, 422),
        response_headers=[LOCATION],
        operation_id="create_webhook",
        summary="Create a webhook",
    )
    async def create(
        self, request: AuthorisedRequest, state: State, data: JSONBody[WebhookInput]
    ) -> Response[NewWebhookView]:
        """Create a webhook; its secret is shown only in this answer.

        Every change of a user that passes the filter is posted to the URL, at least once, in order for each
        user. Messages are signed by Standard Webhooks; `webhook-id` is the number of the change. A private
        address must be allowed by the settings of the service.
        """
        webhook_id, secret = await service.create_webhook(
            state.database, state.settings, data, actor=request.auth.actor
        )
        view = NewWebhookView(secret=secret, webhook=await webhook_view(state.database, webhook_id))
        return Response(view, status_code=201, headers={"Location": f"/webhooks/{webhook_id}"})

    @get("/{webhook_id:str}", responses=problems(404), operation_id="get_webhook", summary="Read a webhook")
    async def read(self, state: State, webhook_id: Id) -> WebhookView:
        """Read one webhook with the state of its deliveries."""
        return await webhook_view(state.database, webhook_id)

    @put(
        "/{webhook_id:str}",
        responses=problems(404, 413, 415, 422),
        operation_id="replace_webhook",
        summary="Replace URL and filter",
    )
    async def replace(
        self, request: AuthorisedRequest, state: State, webhook_id: Id, data: JSONBody[WebhookUpdateInput]
    ) -> WebhookView:
        """Replace URL, description and filter.

        The secret, the state and the pending deliveries stay.
        """
        await service.update_webhook(state.database, state.settings, webhook_id, data, actor=request.auth.actor)
        return await webhook_view(state.database, webhook_id)

    @delete(
        "/{webhook_id:str}", responses=problems(404), operation_id="delete_webhook", summary="Delete a webhook"
    )
    async def remove(self, request: AuthorisedRequest, state: State, webhook_id: Id) -> None:
        """Delete a webhook, its secrets and its deliveries."""
        await service.delete_webhook(state.database, webhook_id, actor=request.auth.actor)

    @post(
        "/{webhook_id:str}/enable",
        status_code=200,
        responses=problems(404, 413, 415, 422),
        operation_id="enable_webhook",
        summary="Enable a webhook",
    )
    async def enable(
        self, request: AuthorisedRequest, state: State, webhook_id: Id, data: JSONBody[EnableInput]
    ) -> WebhookView:
        """Deliver again: what was pending, new changes and, on request, what was missed."""
        await service.enable_webhook(
            state.database, webhook_id, is_enabled=True, actor=request.auth.actor, replay=data.replay_missed
        )
        return await webhook_view(state.database, webhook_id)

    @post(
        "/{webhook_id:str}/disable",
        status_code=200,
        responses=problems(404),
        operation_id="disable_webhook",
        summary="Disable a webhook",
    )
    async def disable(self, request: AuthorisedRequest, state: State, webhook_id: Id) -> WebhookView:
        """Deliver nothing and note no further changes until the webhook is enabled."""
        await service.enable_webhook(state.database, webhook_id, is_enabled=False, actor=request.auth.actor)
        return await webhook_view(state.database, webhook_id)

    @post(
        "/{webhook_id:str}/rotate-secret",
        status_code=200,
        responses=problems(404, 413, 415, 422),
        operation_id="rotate_webhook_secret",
        summary="Replace the secret",
    )
    async def rotate(
        self, request: AuthorisedRequest, state: State, webhook_id: Id, data: JSONBody[RotateInput]
    ) -> NewSecretView:
        """Make a new secret, which is shown only in this answer.

        Until the end of the old one, messages have a signature of each.
        """
        secret, ends_at = await service.rotate_secret(
            state.database, webhook_id, overlap=timedelta(hours=data.overlap_h), actor=request.auth.actor
        )
        return NewSecretView(secret=secret, old_secret_ends_at=ends_at)

    @post(
        "/{webhook_id:str}/test",
        status_code=200,
        responses=problems(404),
        operation_id="test_webhook",
        summary="Send a test message",
    )
    async def test(self, request: AuthorisedRequest, state: State, webhook_id: Id) -> TestView:
        """Post a signed message of type `webhook.test` now, and report the answer."""
        return await service.send_test_message(
            state.database, state.settings, webhook_id, actor=request.auth.actor
        )

    @post(
        "/{webhook_id:str}/replay",
        status_code=202,
        responses=problems(404, 413, 415, 422),
        operation_id="replay_webhook",
        summary="Deliver a range once more",
    )
    async def replay(
        self, request: AuthorisedRequest, state: State, webhook_id: Id, data: JSONBody[ReplayRangeInput]
    ) -> RangeView:
        """Deliver the changes of a range of numbers once more.

        They keep their order and their ids. Newer changes are delivered after them.
        """
        since, until = await service.replay_range(
            state.database, webhook_id, since=data.since, until=data.until, actor=request.auth.actor
        )
        return RangeView(since=since, until=until)

    @get(
        "/{webhook_id:str}/deliveries",
        responses=problems(404),
        operation_id="list_webhook_deliveries",
        summary="List deliveries",
    )
    async def deliveries(
        self,
        state: State,
        webhook_id: Id,
        delivery_state: DeliveryState = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> DeliveryPage:
        """List the deliveries of a webhook, latest first.

        Each has its state, its attempts and the last answer. Delivered events are kept for a week, given up
        ones for 30 days.
        """
        await find_webhook(state.database, webhook_id)
        name = destination_of(webhook_id)
        return await delivery_page(state.database, name, state=delivery_state, limit=limit, cursor=cursor)

    @post(
        "/{webhook_id:str}/deliveries/{number:int}/replay",
        status_code=202,
        responses=problems(404),
        operation_id="replay_webhook_delivery",
        summary="Deliver one event once more",
    )
    async def replay_one(self, request: AuthorisedRequest, state: State, webhook_id: Id, number: Number) -> None:
        """Deliver one event once more, under the same id, whatever its state."""
        await service.replay_delivery(state.database, webhook_id, number, actor=request.auth.actor)
