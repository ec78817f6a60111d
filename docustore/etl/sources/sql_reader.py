"""Read the rows of a table or a query, batch by batch. Needs the extra `sql`.

Every call opens a transaction of its own, which is read-only where the database knows that.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from docustore.clock import as_utc
from docustore.errors import ConfigurationError, FieldError, SourceContentError
from docustore.etl.models import Window
from docustore.etl.sources.source import BadRecord, Page
from docustore.etl.sources.sql_engine import read_only_engine, translated_errors
from docustore.etl.sources.sql_values import (
    bound_like,
    is_date_only,
    json_value,
    marked,
    parsed_json,
    start_of_window,
    unmarked,
)
from docustore.source_settings import SourceSettings

# The server's time in UTC. Of a database that is not listed, this machine's time is used.
_CLOCKS: Final[Mapping[str, str]] = {
    "postgresql": "SELECT clock_timestamp()",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
    "mariadb": "SELECT UTC_TIMESTAMP(6)",
    "mssql": "SELECT SYSUTCDATETIME()",
    "oracle": "SELECT SYS_EXTRACT_UTC(SYSTIMESTAMP) FROM dual",
}
# SQLAlchemy would read `:name` within a query as a parameter.
_COLON: Final = re.compile(r"(?<!:):(?=\w)")
_encoder: Final = msgspec.json.Encoder(decimal_format="number")

Row = Mapping[str, Any]
Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class _Mark:
    """What was read: the number, the part, and the ordering values of the last row."""

    number: int = 0
    is_dated: bool = False
    last: tuple[Any, ...] | None = None

    def __str__(self) -> str:
        last = None if self.last is None else [marked(value) for value in self.last]
        return json.dumps([self.number, self.is_dated, last])

    @classmethod
    def of(cls, text: str | None) -> "_Mark":
        if not text:
            return cls()
        number, is_dated, last = json.loads(text)
        return cls(number, is_dated, None if last is None else tuple(unmarked(value) for value in last))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """The columns of key and JSON, and a value of the column `modified`."""

    key: tuple[str, ...]
    json_columns: frozenset[str]
    sample: Any


class SqlReader:
    """The rows of one source. All methods block, so they run in a thread."""

    def __init__(self, name: str, settings: SourceSettings, url: str, *, page_size: int) -> None:
        address, _, fragment = url.partition("#")
        self._name = name
        self._settings = settings
        self._table = settings.table or fragment
        self._modified = settings.modified
        self._zone = ZoneInfo(settings.zone)
        self._page_size = page_size
        self._engine = read_only_engine(name, address)
        self._layout: _Layout | None = None

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def clock(self) -> datetime:
        """Return the server's time.

        Raises:
            ConfigurationError: The database, the table or a column does not exist.
            SourceUnavailableError: The database does not answer.
        """
        statement = _CLOCKS.get(self._engine.dialect.name)
        with self._connected() as connection:
            self._layout = self._layout_of(connection)
            if statement is None:
                return datetime.now(UTC)
            return as_utc(connection.execute(sa.text(statement)).scalar_one())

    def page(self, window: Window, after: str | None) -> Page | None:
        """Return the rows after a mark; None after the last one."""
        mark = _Mark.of(after)
        with self._connected() as connection:
            if self._layout is None:
                self._layout = self._layout_of(connection)
            rows = self._rows(connection, window, mark, self._layout)
            if not rows and not mark.is_dated and self._modified:
                mark = _Mark(mark.number, is_dated=True)
                rows = self._rows(connection, window, mark, self._layout)
        return self._page(rows, mark, self._layout) if rows else None

    def _rows(self, connection: sa.Connection, window: Window, mark: _Mark, layout: _Layout) -> list[Row]:
        order = self._order(mark, layout)
        conditions = [*self._window(window, mark, layout), *_after(order, mark)]
        # One row more shows whether the key is unique at the end of the batch.
        query = self._select("*").where(*conditions).order_by(*map(sa.column, order)).limit(self._page_size + 1)
        rows: list[Row] = [dict(row) for row in connection.execute(query).mappings()]
        self._check_key(rows, order)
        return rows[: self._page_size]

    def _select(self, columns: str) -> "sa.Select[Any]":
        query = sa.select(sa.text(columns))
        if self._settings.query:
            text = _COLON.sub(r"\\:", self._settings.query.strip().rstrip(";"))
            return query.select_from(sa.text(f"({text}) records"))
        schema, _, table = self._table.rpartition(".")
        return query.select_from(sa.table(table, schema=schema or None))

    def _order(self, mark: _Mark, layout: _Layout) -> tuple[str, ...]:
        return (self._modified, *layout.key) if self._modified and mark.is_dated else layout.key

    def _window(self, window: Window, mark: _Mark, layout: _Layout) -> Iterator[Condition]:
        if not self._modified:
            return
        modified: sa.ColumnClause[Any] = sa.column(self._modified)
        if not mark.is_dated:
            yield modified.is_(None)
            return
        yield modified.is_not(None)
        if window.since is not None:
            since = start_of_window(window.since, window.until, self._zone)
            yield modified >= _bind(bound_like(layout.sample, since, self._zone))
        if window.until is not None:
            until = _bind(bound_like(layout.sample, window.until, self._zone))
            yield modified <= until if is_date_only(layout.sample) else modified < until

    def _check_key(self, rows: Sequence[Row], order: Sequence[str]) -> None:
        values = [tuple(row[column] for column in order) for row in rows]
        if any(None in each for each in values):
            raise self._bad(f"a row has NULL in its key ({', '.join(order)}); choose columns that are never NULL")
        if len(values) != len(set(map(repr, values))):
            raise self._bad(
                f"two rows have the same key ({', '.join(order)}); rows would be lost; choose another key"
            )

    def _page(self, rows: list[Row], mark: _Mark, layout: _Layout) -> Page:
        first = mark.number + 1
        last = tuple(rows[-1][column] for column in self._order(mark, layout))
        resume = _Mark(mark.number + len(rows), mark.is_dated, last)
        records = [self._record(row, layout) for row in rows]
        faults = {number: each.error for number, each in enumerate(records, first) if isinstance(each, BadRecord)}
        raw = [each.raw if isinstance(each, BadRecord) else each for each in records]
        return Page(records=raw, first=first, resume=str(resume), faults=faults)

    def _record(self, row: Row, layout: _Layout) -> bytes | BadRecord:
        values = {
            column: parsed_json(value) if column in layout.json_columns else value for column, value in row.items()
        }
        record = {column: json_value(value, self._zone) for column, value in values.items()}
        record["id"] = _id_of([row[column] for column in layout.key])
        if self._modified and row[self._modified] is not None:
            record["modified_at"] = json_value(_as_time(row[self._modified]), self._zone)
        try:
            return _encoder.encode(record)
        except (TypeError, ValueError, RecursionError) as exc:
            error = FieldError(pointer="", code="not_json", detail=f"a value of the row is no JSON: {exc}")
            return BadRecord(raw=repr(sorted(row)).encode(), error=error)

    def _layout_of(self, connection: sa.Connection) -> _Layout:
        key, json_columns = self._settings.key, frozenset[str]()
        if self._table:
            key, json_columns = self._columns_of_table(connection)
        sample = None
        if self._modified:
            column: sa.ColumnClause[Any] = sa.column(self._modified)
            query = self._select("*").where(column.is_not(None)).limit(1)
            row = connection.execute(query).mappings().first()
            sample = None if row is None else row[self._modified]
        return _Layout(key=key, json_columns=json_columns, sample=sample)

    def _columns_of_table(self, connection: sa.Connection) -> tuple[tuple[str, ...], frozenset[str]]:
        schema, _, table = self._table.rpartition(".")
        inspector = sa.inspect(connection)
        try:
            columns = {column["name"]: column["type"] for column in inspector.get_columns(table, schema or None)}
        except sa.exc.NoSuchTableError as exc:
            raise self._wrong("table", f"there is no table {self._table}") from exc
        key = self._settings.key or tuple(
            inspector.get_pk_constraint(table, schema or None)["constrained_columns"]
        )
        if not key:
            raise self._wrong("key", f"{self._table} has no primary key; name the columns that identify a row")
        for setting, names in (("key", key), ("modified", (self._modified,) if self._modified else ())):
            for name in names:
                if name not in columns:
                    known = ", ".join(sorted(columns))
                    raise self._wrong(setting, f"{self._table} has no column {name}; it has {known}")
        return key, frozenset(name for name, kind in columns.items() if isinstance(kind, sa.JSON))

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        setting = f"sources.{self._name}.{'query' if self._settings.query else 'table'}"
        with translated_errors(self._name, setting=setting), self._engine.connect() as connection:
            yield connection

    def _wrong(self, setting: str, problem: str) -> ConfigurationError:
        return ConfigurationError(setting=f"sources.{self._name}.{setting}", problem=problem)

    def _bad(self, problem: str) -> SourceContentError:
        return SourceContentError(source=self._name, problem=problem)


def _after(order: Sequence[str], mark: _Mark) -> Iterator[Condition]:
    """Compare with the last row; not every database compares tuples."""
    if mark.last is None:
        return
    last = dict(zip(order, mark.last, strict=True))
    alternatives = []
    for number, column in enumerate(order):
        same = [sa.column(before) == _bind(last[before]) for before in order[:number]]
        alternatives.append(sa.and_(*same, sa.column(column) > _bind(last[column])))
    # The first comparison lets the database use an index on the first column.
    yield sa.column(order[0]) >= _bind(last[order[0]])
    yield sa.or_(*alternatives)


def _bind(value: Any) -> "sa.BindParameter[Any]":
    """Return a parameter without a type; SQLAlchemy would cast it to its own."""
    return sa.bindparam(None, value, type_=sa.types.NullType(), unique=True)


def _id_of(key: Sequence[Any]) -> Any:
    parts = [json_value(part, UTC) for part in key]
    if len(parts) == 1:
        return parts[0] if isinstance(parts[0], int | str) and not isinstance(parts[0], bool) else str(parts[0])
    return "/".join(str(part).replace("%", "%25").replace("/", "%2F") for part in parts)


def _as_time(value: Any) -> Any:
    """Return the time of a day or of a text in ISO form; other values are read later."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value
