"""The HTML pages of this package and their content security policy.

The policy forbids all content from other servers.
"""

from importlib.resources import files
from typing import Final

from litestar import MediaType, Response

STATIC_DIR: Final = files("docustore.dashboard") / "static"
_TEMPLATES: Final = files("docustore.dashboard") / "templates"
DASHBOARD_PAGE: Final = (_TEMPLATES / "dashboard.html").read_text("utf-8")
LOGIN_PAGE: Final = (_TEMPLATES / "login.html").read_text("utf-8")
REFERENCE_PAGE: Final = (_TEMPLATES / "reference.html").read_text("utf-8")

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Swagger UI uses inline styles.
_REFERENCE_POLICY: Final = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


def page_response(page: str) -> Response[str]:
    """Return the response for one of the pages above."""
    policy = _REFERENCE_POLICY if page is REFERENCE_PAGE else _POLICY
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    return Response(page, media_type=MediaType.HTML, headers=headers)
