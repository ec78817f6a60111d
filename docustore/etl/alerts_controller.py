"""Routes of alerts: what a person must act on, and the messages about it."""

from datetime import timedelta
from typing import Annotated, Final

from litestar import Controller, get, post
from litestar.datastructures import State
from litestar.params import QueryParameter

from docustore.api.problem import problems
from docustore.audit.log import record
from docustore.clock import now_utc
from docustore.etl.alert_outbox import MESSAGES, MessageState, latest_messages, retry_messages
from docustore.etl.alert_views import AlertsView, MessageView, RetriedView, alert_view, message_view
from docustore.etl.incidents import closed_incidents, open_incidents
from docustore.security.authentication import ADMIN, AuthorisedRequest

RECENT: Final = timedelta(days=30)
CLOSED_SHOWN: Final = 100
OfState = Annotated[MessageState | None, QueryParameter(name="state", description="all states if absent")]
Limit = Annotated[int, QueryParameter(ge=1, le=100, description="messages at most")]


class AlertsController(Controller):
    """Alerts about sources, the listener, receivers of changes, and quality."""

    path = "/alerts"
    tags = ("alerts",)

    @get("/", responses=problems(), operation_id="list_alerts", summary="List alerts")
    async def list_all(self, state: State) -> AlertsView:
        """List all open alerts, and those that ended in the last 30 days, at most 100."""
        since = now_utc() - RECENT
        closed = await closed_incidents(state.database, since=since, limit=CLOSED_SHOWN)
        open_ = await open_incidents(state.database)
        return AlertsView(open=[alert_view(each) for each in open_], closed=[alert_view(each) for each in closed])

    @get("/messages", responses=problems(), operation_id="list_alert_messages", summary="List messages of alerts")
    async def messages(self, state: State, message_state: OfState = None, limit: Limit = 20) -> list[MessageView]:
        """List the messages of the last 30 days, latest first.

        Each says what every address made of it.
        """
        found = await latest_messages(state.database, state=message_state, limit=limit)
        return [message_view(each) for each in found]

    @post(
        "/messages/retry",
        status_code=200,
        opt=ADMIN,
        responses=problems(),
        operation_id="retry_alert_messages",
        summary="Retry undelivered messages",
    )
    async def retry(self, request: AuthorisedRequest, state: State) -> RetriedView:
        """Make every undelivered message due now, also those given up."""
        count = await retry_messages(state.database, now=now_utc())
        await record(
            state.database,
            actor=request.auth.actor,
            action="alerts.retry",
            target=MESSAGES,
            after={"messages": count},
        )
        return RetriedView(messages=count)
