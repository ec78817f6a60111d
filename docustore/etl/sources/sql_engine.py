"""Connect to a SQL database, read-only. Needs the extra `sql`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader

from docustore.errors import ConfigurationError, DocustoreError, SourceContentError, SourceUnavailableError

# A query that hangs would keep its thread beyond the end of the run.
STATEMENT_TIMEOUT_MS: Final = 600_000
_POSTGRESQL: Final[dict[str, Any]] = {
    "connect_timeout": 15,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
}
_DRIVERS: Final = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
# SQLSTATE: invalid authorization, invalid catalog name, syntax error or access rule, read-only transaction.
_FINAL_STATES: Final = ("28", "3D", "42", "25006")
# A refused connection has no SQLSTATE, only its text.
_FINAL_TEXTS: Final = (
    "authentication failed",
    "no password supplied",
    "access denied",
    "does not exist",
    "no pg_hba.conf entry",
    "no such table",
    "no such column",
    "syntax error",
    "readonly database",
    "unable to open database file",
    "file is not a database",
)


def read_only_engine(source: str, url: str) -> sa.Engine:
    """Describe a database; the first query connects to it.

    Raises:
        ConfigurationError: The address is malformed, its driver is missing, or its file does not exist.
    """
    setting = f"sources.{source}.url"
    scheme, _, rest = url.partition("://")
    try:
        address = sa.make_url(f"{_DRIVERS.get(scheme, scheme)}://{rest}")
        arguments = _POSTGRESQL if address.get_backend_name() == "postgresql" else {}
        # The driver's text of a malformed address may quote the address.
        engine = sa.create_engine(address, pool_size=1, max_overflow=1, pool_pre_ping=True, connect_args=arguments)
    except ModuleNotFoundError as exc:
        raise ConfigurationError(setting=setting, problem=f"the driver {exc.name} is missing; install it") from exc
    except (sa.exc.ArgumentError, ValueError, TypeError) as exc:
        raise ConfigurationError(setting=setting, problem="SQLAlchemy does not know such an address") from exc
    if engine.dialect.name == "sqlite" and not Path(address.database or "").is_file():
        # SQLite would create it.
        raise ConfigurationError(setting=setting, problem=f"no file at {address.database}")
    return _read_only(engine)


@contextmanager
def translated_errors(source: str, *, setting: str) -> Iterator[None]:
    """Translate the errors of a database.

    Raises:
        SourceUnavailableError: The database does not answer, or it may answer later.
        ConfigurationError: The account, the database or a name in the query is wrong.
        SourceContentError: The rows cannot be read.
    """
    try:
        yield
    except sa.exc.DBAPIError as exc:
        raise _translated(exc, source, setting) from exc
    except sa.exc.SQLAlchemyError as exc:
        problem = f"SQLAlchemy cannot read the rows ({type(exc).__name__})"
        raise SourceContentError(source=source, problem=problem) from exc


def _translated(error: sa.exc.DBAPIError, source: str, setting: str) -> DocustoreError:
    lines = str(error.orig).splitlines() or [""]
    state = getattr(error.orig, "sqlstate", None) or ""
    is_final = state.startswith(_FINAL_STATES) or any(text in str(error.orig).lower() for text in _FINAL_TEXTS)
    if is_final and not state.startswith("57"):
        return ConfigurationError(setting=setting, problem=f"the database refuses: {lines[0]}")
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) or error.connection_invalidated:
        return SourceUnavailableError(source=source, reason=type(error.orig).__name__)
    # The text may quote values of a row.
    problem = f"the database cannot give the rows ({type(error.orig).__name__} {state})"
    return SourceContentError(source=source, problem=problem)


def _read_only(engine: sa.Engine) -> sa.Engine:
    match engine.dialect.name:
        case "postgresql":
            sa.event.listen(engine, "connect", _read_infinity)
            return engine.execution_options(postgresql_readonly=True)
        case "sqlite":
            sa.event.listen(engine, "connect", _executing("PRAGMA query_only = ON"))
        case "mysql" | "mariadb":
            sa.event.listen(engine, "connect", _executing("SET SESSION TRANSACTION READ ONLY"))
    return engine


def _executing(statement: str) -> Any:
    def execute(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()

    return execute


def _read_infinity(connection: "psycopg.Connection[Any]", _record: object) -> None:
    """Read times that Python does not know, such as `infinity`, as texts.

    Otherwise one such row would make its whole batch unreadable.
    """
    for name, loader in (("timestamptz", TimestamptzLoader), ("timestamp", TimestampLoader), ("date", DateLoader)):
        connection.adapters.register_loader(name, _lenient(loader))


def _lenient(loader: Any) -> Any:
    class Lenient(loader):  # type: ignore[misc]  # the class is a parameter
        """A loader that returns the text of a value that it cannot read."""

        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    return Lenient
