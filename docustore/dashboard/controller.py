"""Routes of the dashboard: the page, its figures, login and logout."""

from typing import Annotated, Any, Final

from litestar import Controller, Response, Router, get, post
from litestar.datastructures import State
from litestar.exceptions import PermissionDeniedException
from litestar.params import JSONBody
from litestar.response import Redirect
from pydantic import Field

from docustore.api.body_types import RequestBody
from docustore.api.static_files import static_files
from docustore.clock import now_utc
from docustore.dashboard.pages import DASHBOARD_PAGE, LOGIN_PAGE, STATIC_DIR, page_response
from docustore.dashboard.summary import Summary, summarise
from docustore.errors import FieldError, InvalidInputError
from docustore.security.authentication import PUBLIC, AuthorisedRequest
from docustore.security.cookies import cleared_cookies, session_cookie, session_token
from docustore.security.http_client import is_from_another_site, is_same_origin
from docustore.security.key_ring import KeyRing
from docustore.security.page_session import opens_page
from docustore.security.sign_in import sign_in_by_key, sign_in_by_link

_ONE_OF: Final = FieldError(pointer="", code="key_or_token", detail="send either `key` or `token`")

Secret = Annotated[str, Field(min_length=1, max_length=500)]


class Login(RequestBody):
    """The body that the login page sends: a key, or the token of a login link."""

    key: Secret | None = None
    token: Secret | None = None


class DashboardController(Controller):
    """The dashboard page and its routes."""

    path = "/"
    include_in_schema = False

    @get("/", opt=PUBLIC)
    async def dashboard(self, request: AuthorisedRequest) -> Response[Any]:
        """Serve the page to signed-in visitors; redirect others to the login page."""
        token = session_token(request)
        if not token or not await opens_page(request, token):
            return Redirect("/login")
        return page_response(DASHBOARD_PAGE)

    @get("/dashboard/summary")
    async def summary(self, request: AuthorisedRequest, state: State) -> Summary:
        """Return all figures of the page in one response."""
        return await summarise(state.database, scope=request.auth.scope, now=now_utc())

    @get("/login", opt=PUBLIC, sync_to_thread=False)
    def login_page(self) -> Response[str]:
        """Serve the login form."""
        return page_response(LOGIN_PAGE)

    @post("/login", opt=PUBLIC, status_code=204)
    async def login(self, request: AuthorisedRequest, data: JSONBody[Login]) -> Response[None]:
        """Check a key, or use a login link, and start a session.

        The cookie holds the token of the session, not the key.
        """
        if not is_same_origin(request):
            # Without this check another site could sign a visitor in with a key of that site.
            raise PermissionDeniedException("sign in from the login page of this server")
        if data.key is not None and data.token is None:
            session = await sign_in_by_key(request, data.key)
        elif data.token is not None and data.key is None:
            session = await sign_in_by_link(request, data.token)
        else:
            raise InvalidInputError((_ONE_OF,))
        cookie = session_cookie(request, session.token, lasts=session.lasts)
        return Response(None, status_code=204, cookies=[cookie])

    @post("/logout", opt=PUBLIC, status_code=204)
    async def logout(self, request: AuthorisedRequest, state: State) -> Response[None]:
        """End the session and delete its cookie.

        The answer is the same for a session that is unknown or has ended.
        """
        if is_from_another_site(request):
            raise PermissionDeniedException("sign out from a page of this server")
        key_ring: KeyRing = state.key_ring
        if token := session_token(request):
            await key_ring.end_session(token)
        return Response(None, status_code=204, cookies=cleared_cookies(request))


def dashboard_assets() -> Router:
    """Serve the styles and scripts of the pages from the package.

    Browsers ask for each one before they use their copy: modules of two versions do not fit together.
    """
    return static_files("/assets", str(STATIC_DIR), name="dashboard", opt=PUBLIC, max_age_s=0)
