"""Every route checks the key of its caller, unless it says that it is public."""

from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from docustore.api.app import check_request, create_app
from docustore.config import Settings


def test_every_route_checks_its_caller() -> None:
    """A `before_request` of a controller or a handler would replace the one of the application."""
    app = create_app(Settings(mongodb_url="mongodb://nowhere", redis_url="redis://nowhere"))

    assert all(isinstance(route, HTTPRoute) for route in app.routes)
    handlers = [
        handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers
    ]
    assert len(handlers) > 100
    assert [handler for handler in handlers if not _is_checked(handler) and not _is_public(handler)] == []


def _is_checked(handler: HTTPRouteHandler) -> bool:
    before = handler.resolve_before_request()
    return getattr(before, "func", before) is check_request


def _is_public(handler: HTTPRouteHandler) -> bool:
    return handler.opt.get("scope", "read") is None
