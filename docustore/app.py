"""The API: all routes, and what they share, put together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE

from docustore.analytics.controller import AnalyticsController
from docustore.changes.controller import ChangesController
from docustore.config import Settings, load_settings
from docustore.dashboard.controller import DashboardController, dashboard_assets
from docustore.document_models import open_database
from docustore.etl.controller import EtlController
from docustore.health import OperationController
from docustore.metrics import RequestMetrics
from docustore.openapi import openapi_30, openapi_config, reference, reference_assets
from docustore.problem_details import EXCEPTION_HANDLERS
from docustore.queue import open_queue
from docustore.security.api_keys import KeyRing
from docustore.security.authentication import authorise
from docustore.users.controller import UserController
from docustore.users.list_controller import UserListController
from docustore.users.lookup import UserLookup
from docustore.users.patch_body import ACCEPT_PATCH
from docustore.users.patches import PatchType
from docustore.users.status_controller import UserStatusController

# The largest user that fits the schemas is some 100 kB of JSON, and a long patch of it not much more.
MAX_BODY_BYTES: Final = 1_000_000
JSON_TYPES: Final = frozenset({"application/json"})
PATCH_TYPES: Final = JSON_TYPES | {patch_type.value for patch_type in PatchType}

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def create_app(settings: Settings | None = None) -> Litestar:
    """Make the API's ASGI application; it connects when its server starts it.

    Args:
        settings: None = from the environment and `docustore.toml`.

    Raises:
        ConfigurationError: A setting does not fit.
    """
    settings = settings or load_settings()
    metrics = RequestMetrics()

    async def count_unrouted(exc: Exception, scope: Any) -> None:
        metrics.note_exception(exc, scope)

    return Litestar(
        route_handlers=[
            UserListController,
            UserController,
            UserStatusController,
            AnalyticsController,
            EtlController,
            ChangesController,
            OperationController,
            DashboardController,
            dashboard_assets(),
            openapi_30,
            reference,
            reference_assets(),
        ],
        guards=[authorise],
        before_request=refuse_other_media_types,
        after_exception=[count_unrouted],
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[metrics.wrap],
        lifespan=[_parts(settings)],
        state=State({"settings": settings, "request_metrics": metrics}),
        openapi_config=openapi_config(),
        request_max_body_size=MAX_BODY_BYTES,
        # Problems are logged where they are answered, once, and without the document that caused them.
        logging_config=None,
    )


async def refuse_other_media_types(request: Request[Any, Any, Any]) -> None:
    """Refuse bodies that are not JSON, before anything tries to read them.

    Raises:
        HTTPException: 415, with the types that would do.
    """
    if request.method not in {"POST", "PUT", "PATCH"}:
        return
    known = PATCH_TYPES if request.method == "PATCH" else JSON_TYPES
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given in known or (not given and not _has_body(request)):
        return
    headers = {"Accept-Patch": ACCEPT_PATCH} if request.method == "PATCH" else {"Accept": "application/json"}
    detail = f"send the body as {' or '.join(sorted(known))}"
    raise HTTPException(detail, status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE, headers=headers)


def _has_body(request: Request[Any, Any, Any]) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def _parts(settings: Settings) -> Lifespan:
    @asynccontextmanager
    async def parts(app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.database = await stack.enter_async_context(open_database(settings, app_name="docustore-api"))
            app.state.queue = await stack.enter_async_context(open_queue(settings))
            app.state.user_lookup = UserLookup()
            app.state.key_ring = KeyRing(admin_key=settings.admin_key)
            yield

    return parts
