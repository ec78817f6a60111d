"""The requests for the pages of a service, with configured names. Pure.

Five ways of paging: a cursor of the service, the URL of the next page, the number of the page, the number of
records before it, and a single page. The token of a page says where it starts: a cursor, a URL or a number. The
empty token is the first page.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from docustore.etl.models import Window
from docustore.etl.sources.http_page import WirePage
from docustore.source_settings import SourceSettings

_PLACEHOLDER: Final = re.compile(r"\{(since|until|limit|page)\}")
_PAGE_PARAMS: Final = {"cursor": "cursor", "page": "page", "offset": "offset"}

Values = Mapping[str, str | int | None]


class PageQuestions:
    """What to ask for each page of one source."""

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._body = settings.body

    @property
    def asks_for_window(self) -> bool:
        """Tell whether the service is asked for changes only."""
        return bool(self._settings.since_param) if not self._body else "{since}" in json.dumps(self._body)

    def query(self, window: Window, token: str, *, limit: int) -> dict[str, str]:
        """Return the parameters of a page; none if a body or a link has them."""
        settings = self._settings
        if self._body or (settings.paging == "link" and token):
            return {}
        values = self._values(window, token, limit)
        names = {
            "limit": settings.limit_param,
            "since": settings.since_param,
            "until": settings.until_param if settings.since_param else "",
            "page": settings.page_param or _PAGE_PARAMS.get(settings.paging, ""),
        }
        return {
            name: str(values[meaning]) for meaning, name in names.items() if name and values[meaning] is not None
        }

    def json_body(self, window: Window, token: str, *, limit: int) -> Any:
        """Return the body of a POST, without keys that have no value."""
        return _filled(self._body, self._values(window, token, limit)) if self._body else None

    def next_token(self, page: WirePage, token: str, *, link: str | None, delivered: int) -> str | None:
        """Return the token of the next page; None after the last one.

        Args:
            link: The URL of the next page that the header of the answer gives.
            delivered: Number of records, up to and including this page.
        """
        paging = self._settings.paging
        if paging == "cursor":
            return page.next_cursor
        if paging == "link":
            return link or page.next_cursor
        # A short page is no last page: a service may have a smaller limit than the one that was asked for.
        if paging == "none" or not page.users or (page.total is not None and delivered >= page.total):
            return None
        return str(delivered) if paging == "offset" else str(int(token or self._settings.first_page) + 1)

    def _values(self, window: Window, token: str, limit: int) -> dict[str, str | int | None]:
        settings = self._settings
        page: str | int | None = token or None
        if settings.paging in {"page", "offset"}:
            page = int(token) if token else settings.first_page if settings.paging == "page" else 0
        return {
            "limit": limit,
            "since": None if window.since is None else window.since.isoformat(),
            "until": None if window.until is None else window.until.isoformat(),
            "page": page,
        }


def _filled(template: Any, values: Values) -> Any:
    if isinstance(template, Mapping):
        filled = {key: _filled(part, values) for key, part in template.items()}
        return {key: part for key, part in filled.items() if part is not None or template[key] is None}
    if isinstance(template, list):
        return [_filled(part, values) for part in template]
    if not isinstance(template, str):
        return template
    names = _PLACEHOLDER.findall(template)
    if any(values[name] is None for name in names):
        return None
    if len(names) == 1 and template == f"{{{names[0]}}}":
        return values[names[0]]
    return _PLACEHOLDER.sub(lambda found: str(values[found.group(1)]), template)
