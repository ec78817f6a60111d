"""Assembly of the API: all routes and their shared parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.exceptions import NotFoundException

from docustore.analytics.controller import AnalyticsController
from docustore.analytics.cube.controller import CubeController
from docustore.analytics.query.controller import QueryController
from docustore.analytics.query.saved.controller import SavedQueryController
from docustore.api.health import OperationController
from docustore.api.methods import Api, options_response
from docustore.api.metrics import RequestMetrics
from docustore.api.openapi import openapi_30, openapi_config, reference, reference_assets
from docustore.api.parameters import refuse_invalid_query
from docustore.api.problem_details import EXCEPTION_HANDLERS
from docustore.api.problem_types import ProblemTypesController
from docustore.api.request_body import ApiRequest, refuse_unreadable_body
from docustore.api.static_files import refuse_impossible_file
from docustore.api.stored_types import AS_TEXT
from docustore.audit.controller import AuditController
from docustore.changes.committed import COMMITTED_STAGE
from docustore.changes.controller import ChangesController
from docustore.changes.derived.check import derived_difference
from docustore.changes.effects.quality import UserQualityEffect
from docustore.changes.effects_controller import EffectsController
from docustore.changes.gaps_controller import GapsController
from docustore.changes.horizon import read_horizon
from docustore.changes.search_reach import search_complete_until
from docustore.config import Settings
from docustore.config_loading import load_settings
from docustore.dashboard.controller import DashboardController, dashboard_assets
from docustore.database import Database
from docustore.document_models import open_database
from docustore.etl.alerts_controller import AlertsController
from docustore.etl.controller import EtlController
from docustore.etl.decisions_controller import RunDecisionsController
from docustore.etl.guards.controller import EtlGuardsController
from docustore.etl.quarantine_controller import QuarantineController
from docustore.etl.run_events import EventReaders
from docustore.etl.sources_controller import SourcesController
from docustore.exports.controller import ExportController
from docustore.feed.controller import FeedController
from docustore.feed.feed import Feed
from docustore.feed.options import FeedOptions
from docustore.history.controller import HistoryController
from docustore.history.past_users import PastUsersOfHistory
from docustore.migrations.precondition import require_known_store
from docustore.profiling.controller import ProfileController
from docustore.quality.controller import QualityController
from docustore.quality.declared import rule_set
from docustore.quality.user_controller import UserQualityController
from docustore.queue import Queue, open_queue
from docustore.reports.controller import ReportController
from docustore.security.authentication import authorise
from docustore.security.client_address import networks
from docustore.security.key_ring import KeyRing
from docustore.security.limiter import Limiter
from docustore.security.route_limits import limit_headers
from docustore.users.controller import UserController
from docustore.users.identities_controller import UserIdentitiesController
from docustore.users.list_controller import UserListController
from docustore.users.lookup import UserLookup
from docustore.users.recent_matches import RecentUsers
from docustore.users.roles_controller import UserRolesController
from docustore.users.status_controller import UserStatusController
from docustore.webhooks.controller import WebhooksController


def create_app(settings: Settings | None = None) -> Litestar:
    """Create the ASGI application of the API.

    The application opens its connections in its lifespan, when a server starts it.

    Args:
        settings: None reads them from the environment and `docustore.toml`.

    Raises:
        ConfigurationError: A setting is missing, unknown or malformed.
    """
    settings = settings or load_settings()
    metrics = RequestMetrics(limit_headers)

    async def count_unrouted(exc: Exception, scope: Any) -> None:
        metrics.count_if_unrouted(exc, scope)

    return Api(
        route_handlers=[
            UserListController,
            UserController,
            UserStatusController,
            UserRolesController,
            UserIdentitiesController,
            HistoryController,
            AnalyticsController,
            CubeController,
            QueryController,
            SavedQueryController,
            ReportController,
            EtlController,
            SourcesController,
            EtlGuardsController,
            RunDecisionsController,
            QuarantineController,
            ChangesController,
            EffectsController,
            GapsController,
            QualityController,
            ProfileController,
            AlertsController,
            UserQualityController,
            AuditController,
            FeedController,
            WebhooksController,
            ExportController,
            OperationController,
            ProblemTypesController,
            DashboardController,
            dashboard_assets(),
            openapi_30,
            reference,
            reference_assets(),
        ],
        type_encoders=AS_TEXT,
        request_class=ApiRequest,
        before_request=check_request,
        after_exception=[count_unrouted],
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[metrics.wrap],
        lifespan=[_connected],
        state=State({"request_metrics": metrics, "event_readers": EventReaders(), **settings_state(settings)}),
        openapi_config=openapi_config(),
        # `problem_details` logs each error once, without the document that caused it.
        logging_config=None,
    )


async def check_request(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Check a request before its handler: the key, the parameters, the body.

    The framework's guards would run at the same place, but it copies the handler for each of their calls.
    """
    await authorise(request, request.route_handler)
    if "\x00" in request.scope["path"]:
        # The file system raises ValueError on a null byte: a static route would answer 500 instead of 404.
        raise NotFoundException
    refuse_impossible_file(request)
    response = options_response(request)
    if response is None:
        refuse_invalid_query(request)
        await refuse_unreadable_body(request)
    return response


def settings_state(settings: Settings) -> dict[str, Any]:
    """Return the part of the application's state that depends on settings only."""
    return {
        "settings": settings,
        "trusted_proxies": networks(settings.trusted_proxies),
        "quality_rules": rule_set(settings.quality_rules),
    }


@asynccontextmanager
async def _connected(app: Litestar) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    async with open_database(settings, app_name="docustore-api") as database:
        await require_known_store(database)
        async with open_queue(settings) as queue, running_on(app, database, queue):
            yield


@asynccontextmanager
async def running_on(app: Litestar, database: Database, queue: Queue) -> AsyncIterator[None]:
    """Give the application its parts; the connections stay those of the caller.

    The models are bound to the database.
    """
    settings: Settings = app.state.settings
    app.state.database = database
    app.state.queue = queue
    app.state.user_lookup = UserLookup()
    app.state.read_horizon = read_horizon
    app.state.recent_users = RecentUsers(search_complete_until)
    app.state.committed_stage = COMMITTED_STAGE
    app.state.check_quality = partial(derived_difference, database, UserQualityEffect(settings))
    app.state.past_users = PastUsersOfHistory(database, read_horizon)
    app.state.limiter = Limiter(queue, settings)
    app.state.key_ring = KeyRing(admin_key=settings.admin_key)
    app.state.feed = Feed(database, FeedOptions.of(settings), prove=app.state.key_ring.principal_of)
    try:
        yield
    finally:
        await app.state.feed.close()
