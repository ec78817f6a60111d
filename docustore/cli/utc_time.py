"""A time on the command line."""

from datetime import UTC, datetime

import click


class UtcTime(click.ParamType[datetime]):
    """A time in RFC 3339, or a date; without a zone it is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse the given text."""
        try:
            given = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-01-31T12:00:00Z", param, ctx)
        try:
            return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
        except OverflowError:
            self.fail(f"{value!r} is before the year 1 or after the year 9999 in UTC", param, ctx)
