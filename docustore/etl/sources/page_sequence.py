"""Check the order of pages: they end, and none is skipped. Pure."""

from typing import Final

from docustore.etl.sources.http_page import WirePage
from docustore.etl.sources.page_errors import PageMalformedError

# Some services filter after they cut the pages, so a few empty pages in a row are normal.
MAX_EMPTY_PAGES: Final = 100


class PageSequence:
    """The pages of one reading so far.

    A cursor that is the number of records so far, or one more than the last cursor, counts records or pages. If
    the data shrinks while such cursors are followed, records move to pages that were read already: skipped.
    """

    def __init__(self, cursor: str) -> None:
        self._cursor = cursor
        self._seen: set[str] = set()
        self._users: list[bytes] = []
        self._empty_pages = 0
        self._total: int | None = None

    def add(self, page: WirePage, *, delivered: int) -> None:
        """Check the next page.

        Args:
            delivered: Number of records, up to and including this page.

        Raises:
            PageMalformedError: The pages would never end, or records were skipped.
        """
        if page.users and page.users == self._users:
            raise PageMalformedError("sent the same page twice in a row; does it ignore the cursor?")
        self._empty_pages = 0 if page.users else self._empty_pages + 1
        if self._empty_pages >= MAX_EMPTY_PAGES and page.next_cursor:
            raise PageMalformedError(f"sent {MAX_EMPTY_PAGES} empty pages in a row, each with another cursor")
        self._check_total(page, delivered)
        if page.next_cursor:
            if page.next_cursor in self._seen:
                raise PageMalformedError("next_cursor came twice; the pages would never end; correct the service")
            self._seen.add(page.next_cursor)
            self._cursor = page.next_cursor
        self._users = page.users

    def _check_total(self, page: WirePage, delivered: int) -> None:
        if page.total is None:
            return
        before, self._total = self._total, page.total
        counts_records = page.next_cursor == str(delivered) or self._cursor == str(delivered - len(page.users))
        if before is not None and page.total < before and (counts_records or self._counts_pages(page)):
            raise PageMalformedError(
                f"had {before} records in all, then {page.total}: with cursors that count, some were skipped; "
                "run again, or let the service use cursors that name a record"
            )

    def _counts_pages(self, page: WirePage) -> bool:
        last, following = self._cursor, page.next_cursor or ""
        return last.isdecimal() and following.isdecimal() and int(following) == int(last) + 1
