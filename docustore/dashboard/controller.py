"""Routes of the dashboard: the page, its figures, login and logout."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, Response, Router, get, post
from litestar.datastructures import Cookie, State
from litestar.exceptions import PermissionDeniedException
from litestar.params import JSONBody
from litestar.response import Redirect

from docustore.api.static_files import static_files
from docustore.clock import now_utc
from docustore.dashboard.pages import DASHBOARD_PAGE, LOGIN_PAGE, STATIC_DIR, page_response
from docustore.dashboard.summary import Summary, summarise
from docustore.errors import UnauthenticatedError
from docustore.security.api_keys import KeyRing
from docustore.security.authentication import COOKIE_NAME, PUBLIC, AuthorisedRequest, is_same_origin, needs
from docustore.security.models import Scope

COOKIE_MAX_AGE_S: Final = 30 * 24 * 3600


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body that the login page sends."""

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class DashboardController(Controller):
    """The dashboard page and its routes."""

    path = "/"
    include_in_schema = False

    @get("/", opt=PUBLIC)
    async def dashboard(self, request: AuthorisedRequest, state: State) -> Response[Any]:
        """Serve the page to signed-in visitors; redirect others to the login page."""
        key_ring: KeyRing = state.key_ring
        try:
            await key_ring.principal_of(request.cookies.get(COOKIE_NAME, ""))
        except UnauthenticatedError:
            return Redirect("/login")
        return page_response(DASHBOARD_PAGE)

    @get("/dashboard/summary")
    async def summary(self, state: State) -> Summary:
        """Return all figures of the page in one response."""
        return await summarise(state.database, now=now_utc())

    @get("/login", opt=PUBLIC, sync_to_thread=False)
    def login_page(self) -> Response[str]:
        """Serve the login form."""
        return page_response(LOGIN_PAGE)

    @post("/login", opt=PUBLIC, status_code=204)
    async def login(self, request: AuthorisedRequest, state: State, data: JSONBody[Login]) -> Response[None]:
        """Check the key and store it in a cookie.

        Scripts cannot read the cookie, and other sites cannot send it.
        """
        if not is_same_origin(request):
            # Without this check another site could sign a visitor in with a key of that site.
            raise PermissionDeniedException("sign in from the login page of this server")
        key_ring: KeyRing = state.key_ring
        await key_ring.principal_of(data.key)
        return Response(None, status_code=204, cookies=[_cookie(request, data.key, max_age_s=COOKIE_MAX_AGE_S)])

    @post("/logout", opt=needs(Scope.READ), status_code=204)
    async def logout(self, request: AuthorisedRequest) -> Response[None]:
        """Delete the cookie with the key."""
        return Response(None, status_code=204, cookies=[_cookie(request, "", max_age_s=0)])


def dashboard_assets() -> Router:
    """Serve the styles and scripts of the pages from the package."""
    return static_files("/assets", str(STATIC_DIR), name="dashboard", opt=PUBLIC)


def _cookie(request: AuthorisedRequest, key: str, *, max_age_s: int) -> Cookie:
    return Cookie(
        key=COOKIE_NAME,
        value=key,
        max_age=max_age_s,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
