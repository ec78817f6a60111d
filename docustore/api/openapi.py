"""The OpenAPI 3.1 document at `/schema` and a reference page.

The page and its assets come from this server; a browser needs no other network access.
"""

import json
from dataclasses import fields
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, OpenAPI, SecurityScheme, Tag
from litestar.response import Redirect
from pydantic.json_schema import models_json_schema
from swagger_ui_bundle import swagger_ui_path

from docustore import __version__
from docustore.analytics.query.model import QueryInput
from docustore.analytics.query.saved.bodies import SavedQueryInput
from docustore.api.methods import options_response
from docustore.api.openapi_30 import to_openapi_30
from docustore.api.openapi_document import finished
from docustore.api.parameters import refuse_invalid_query
from docustore.api.static_files import static_files
from docustore.changes.controller import ResetInput, SeekInput, VerifyInput
from docustore.dashboard.pages import REFERENCE_PAGE, page_response
from docustore.etl.controller import TriggerInput
from docustore.etl.decisions_controller import RejectInput
from docustore.etl.guards.controller import BackfillInput, WatermarkInput
from docustore.etl.quarantine_bodies import IgnoreInput, IgnoreReasonInput, ReplayInput
from docustore.etl.sources_controller import PauseInput
from docustore.quality.controller import WaiverInput
from docustore.reports.bodies import ReportInput
from docustore.security.authentication import PUBLIC
from docustore.security.cookies import COOKIE_NAME
from docustore.users.schemas import BulkStatusInput, UserInput
from docustore.webhooks.bodies import (
    EnableInput,
    ReplayRangeInput,
    RotateInput,
    WebhookInput,
    WebhookUpdateInput,
)

PATH: Final = "/schema"
_KNOWN_PATHS: Final = frozenset({PATH, f"{PATH}/openapi.json", f"{PATH}/openapi-3.0.json", f"{PATH}/docs"})
_DESCRIPTION: Final = """\
A user directory. An hourly ETL reads users from upstream systems; this API reads and writes them. Every change is
recorded as history and counted in the live figures.

Send `Authorization: Bearer <key>`; `docustore keys create` creates keys. The scope `read` covers GET, `write`
covers the other methods, `admin` covers everything. Errors are RFC 9457 problems: `type` is stable, `errors` lists
every error.

The `ETag` of a user is its version. PUT, PATCH and DELETE of a user must send it in `If-Match`: the answer is 428
without it, and 412 with the present `ETag` if the user has changed since. Times are RFC 3339; answers give them in
UTC, and a time in a request needs a zone. Unknown parameters and members are refused.

Every answer has `X-Request-Id`: the one that the request sent, if it is well formed, else a new one. It is also in
problems, in the log, and in the history of the users that the request changed.

Refused keys are limited per client address; searches and writes with a password are limited per key. The answer is
then 429 with `Retry-After`. Limited routes report the quota in `RateLimit-Policy` and `RateLimit`.
"""


@get(f"{PATH}/openapi-3.0.json", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def openapi_30(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Serve the OpenAPI document for tools that support only version 3.0."""
    document = to_openapi_30(request.app.openapi_schema.to_schema())
    return Response(json.dumps(document).encode(), media_type=MediaType.JSON)


@get(f"{PATH}/docs", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def reference() -> Response[str]:
    """Serve the interactive reference page (Swagger UI)."""
    return page_response(REFERENCE_PAGE)


def reference_assets() -> Router:
    """Serve the files of Swagger UI from the installed package."""
    return static_files(f"{PATH}/assets", str(swagger_ui_path), name="swagger", opt=PUBLIC)


def openapi_config() -> OpenAPIConfig:
    """Configure the OpenAPI document and its routes below `/schema`.

    Programs get JSON at `/schema`; browsers are redirected to the page.
    """
    return _FinishedConfig(
        title="docustore",
        version=__version__,
        description=_DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        use_handler_docstrings=True,
        security=[{"key": []}, {"cookie": []}],
        components=Components(
            security_schemes={
                "key": SecurityScheme(type="http", scheme="bearer", description="an API key: `dsk_...`"),
                "cookie": SecurityScheme(
                    type="apiKey",
                    name=COOKIE_NAME,
                    security_scheme_in="cookie",
                    description="the token of a session, set by `/login`",
                ),
            }
        ),
        tags=[
            Tag(name="users", description="One user, or many users."),
            Tag(
                name="user status", description="Activate, deactivate, suspend or restore users; one user or many."
            ),
            Tag(name="user roles", description="Grant a role to a user or take it away."),
            Tag(name="user history", description="The changes of a user, and its earlier versions."),
            Tag(name="analytics", description="Figures about users, updated with every change."),
            Tag(name="etl", description="ETL runs of the upstream systems."),
            Tag(name="quarantine", description="Records that could not be loaded: read, replay, ignore, export."),
            Tag(
                name="changes",
                description="Status of the listener, which writes history and figures from changes.",
            ),
            Tag(name="webhooks", description="Signed messages to other systems for every change of a user."),
            Tag(name="quality", description="The quality of the stored users, rule by rule."),
            Tag(name="alerts", description="What a person must act on, and the messages about it."),
            Tag(name="export", description="Files of users, as they were at one moment."),
            Tag(name="operation", description="Health and metrics."),
        ],
        render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
        openapi_router=Router(
            PATH, route_handlers=[], include_in_schema=False, opt=dict(PUBLIC), before_request=_negotiated
        ),
    )


class _FinishedOpenAPI(OpenAPI):
    """The document of the framework with the parts that it does not know."""

    def to_schema(self) -> dict[str, Any]:
        """Return the finished document as JSON values."""
        document = json.loads(json.dumps(super().to_schema(), default=str))
        return finished(document, _body_schemas())


class _FinishedConfig(OpenAPIConfig):
    """A configuration whose document is finished."""

    def to_openapi_schema(self) -> OpenAPI:
        """Create the document; the framework fills it with the routes."""
        made = super().to_openapi_schema()
        return _FinishedOpenAPI(**{field.name: getattr(made, field.name) for field in fields(made)})


def _body_schemas() -> dict[str, Any]:
    """Make the JSON Schemas of all request bodies, by component name."""
    models = [
        (model, "validation")
        for model in (
            UserInput,
            BulkStatusInput,
            TriggerInput,
            PauseInput,
            BackfillInput,
            WatermarkInput,
            RejectInput,
            ReplayInput,
            IgnoreInput,
            IgnoreReasonInput,
            ResetInput,
            SeekInput,
            VerifyInput,
            WebhookInput,
            WebhookUpdateInput,
            EnableInput,
            RotateInput,
            ReplayRangeInput,
            WaiverInput,
            QueryInput,
            SavedQueryInput,
            ReportInput,
        )
    ]
    _, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    found: dict[str, Any] = schemas["$defs"]
    return found


async def _negotiated(request: Request[Any, Any, Any]) -> Response[Any] | None:
    """Redirect browsers to the page; answer 404 for unknown paths below `/schema`."""
    path = request.scope["path"].rstrip("/")
    if path not in _KNOWN_PATHS:
        raise NotFoundException
    options = options_response(request)
    if options is not None:
        return options
    refuse_invalid_query(request)
    if path == PATH and "text/html" in request.headers.get("accept", ""):
        return Redirect(f"{PATH}/docs", media_type=MediaType.TEXT)
    return None
