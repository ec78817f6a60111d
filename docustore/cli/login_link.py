"""Login links: they sign a browser in once, without a key."""

import os
import sys
import webbrowser
from typing import Final

from docustore.security.models import Scope
from docustore.security.sessions import LINK_LASTS, create_link_token

LINK_MINUTES: Final = int(LINK_LASTS.total_seconds() // 60)
# Without a desktop, `webbrowser` may start a browser inside this terminal.
DESKTOP_VARIABLES: Final = ("DISPLAY", "WAYLAND_DISPLAY")


async def new_login_link(http_url: str, *, scope: Scope) -> str:
    """Make a link that can be used once within `LINK_LASTS`.

    The token is in the fragment, which browsers never send to a server. Other users of the machine may see it in
    the arguments of the browser; by then it is used.
    """
    return f"{http_url.rstrip('/')}/login#token={await create_link_token(scope)}"


def open_in_browser(link: str) -> bool:
    """Open a link if a person at a desktop runs this command."""
    has_desktop = sys.platform == "darwin" or any(os.environ.get(name) for name in DESKTOP_VARIABLES)
    return sys.stdout.isatty() and has_desktop and webbrowser.open(link)
