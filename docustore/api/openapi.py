"""The description of the API: `/schema` (OpenAPI 3.1) and a page made from it, served without any network."""

import json
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.response import Redirect
from litestar.static_files import create_static_files_router
from swagger_ui_bundle import swagger_ui_path

from docustore import __version__
from docustore.api.openapi_30 import to_openapi_30
from docustore.dashboard.pages import REFERENCE_PAGE, page_response
from docustore.security.authentication import COOKIE_NAME, PUBLIC

PATH: Final = "/schema"
_KNOWN_PATHS: Final = frozenset({PATH, f"{PATH}/openapi.json", f"{PATH}/openapi-3.0.json", f"{PATH}/docs"})
_DESCRIPTION: Final = """\
Users, pulled hourly from upstream systems and written here; every change becomes history and live figures.

Send `Authorization: Bearer <key>`; `docustore keys create` makes keys. Scopes: `read` for GET, `write` for the
rest, `admin` for all. Errors are RFC 9457 problems: `type` is stable, `errors` lists everything that is wrong.

Every user has an `ETag`, its version. Writes send it back in `If-Match`: 428 without, 412 if the user has changed
since. Times are RFC 3339 in UTC.
"""


@get(f"{PATH}/openapi-3.0.json", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def openapi_30(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Serve the description for tools that stop at OpenAPI 3.0."""
    document = to_openapi_30(json.loads(json.dumps(request.app.openapi_schema.to_schema(), default=str)))
    return Response(json.dumps(document).encode(), media_type=MediaType.JSON)


@get(f"{PATH}/docs", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def reference() -> Response[str]:
    """Serve the page that shows the description and tries it out."""
    return page_response(REFERENCE_PAGE)


def reference_assets() -> Router:
    """Serve Swagger UI's own files from the installed package."""
    return create_static_files_router(
        path=f"{PATH}/assets", directories=[swagger_ui_path], opt=dict(PUBLIC), name="swagger"
    )


def openapi_config() -> OpenAPIConfig:
    """Configure what `/schema` says and how it is served: JSON to programs, the page to browsers."""
    return OpenAPIConfig(
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
                    type="apiKey", name=COOKIE_NAME, security_scheme_in="cookie", description="set by `/login`"
                ),
            }
        ),
        tags=[
            Tag(name="users", description="One user, or many."),
            Tag(name="user status", description="Activate, deactivate, suspend, restore; one or many."),
            Tag(name="user roles", description="Grant one role, or take it away."),
            Tag(name="analytics", description="Figures, kept up to date with every change."),
            Tag(name="etl", description="Runs of the upstream systems, and records that could not be loaded."),
            Tag(name="changes", description="The listener that turns changes into history and figures."),
            Tag(name="operation", description="Health and metrics."),
        ],
        render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
        openapi_router=Router(
            PATH, route_handlers=[], include_in_schema=False, opt=dict(PUBLIC), before_request=_negotiated
        ),
    )


async def _negotiated(request: Request[Any, Any, Any]) -> Redirect | None:
    """Send browsers to the page; let unknown paths below `/schema` be 404 like everywhere."""
    path = request.scope["path"].rstrip("/")
    if path not in _KNOWN_PATHS:
        raise NotFoundException
    if path == PATH and "text/html" in request.headers.get("accept", ""):
        return Redirect(f"{PATH}/docs", media_type=MediaType.TEXT)
    return None
