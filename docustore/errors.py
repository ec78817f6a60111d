"""Every error docustore raises on purpose.

    DocustoreError
    ├── RetryableError                 the same call may succeed later
    │   ├── DatabaseUnavailableError   no primary, no connection
    │   ├── QueueUnavailableError      Valkey does not answer
    │   └── SourceUnavailableError     an upstream system does not answer, or says "later"
    ├── ConfigurationError             a setting is wrong; names it
    ├── EmbeddedServerError            a local server cannot be started; says what to do
    │   └── DataDirBusyError           another live process uses the data folder
    ├── ServiceStartError              a part of `up` does not start; shows the end of its log
    ├── SourceRejectedError            an upstream system says no (401, 403, 404)
    ├── SourceContentError             an upstream system sends what cannot be records
    ├── RunError                       a run that cannot go on, or cannot be started
    │   ├── QuarantineBudgetExceededError
    │   ├── SourceBusyError            another run holds the source
    │   └── LeaseLostError             another process took the run over
    ├── ListenerError
    │   ├── ListenerFencedError        another listener took over; this one must stop
    │   ├── PositionLostError          the oplog no longer reaches back to the position
    │   ├── SnapshotExpiredError       the server forgot an instant before all users of it were read
    │   └── RecoveryLoopError          the position was lost again and again
    ├── SchemaDriftError               indexes or validators differ in a way that needs a person
    ├── NotFoundError                  user, run, source or key that does not exist
    ├── UserGoneError                  a user that was deleted
    ├── EmailTakenError                another user has the e-mail
    ├── IdempotencyKeyReusedError      a key came with two different requests
    ├── VersionConflictError           the document changed since it was read
    ├── PreconditionRequiredError      a write without If-Match
    ├── DemoError                      a part of the demonstration did not answer
    ├── InvalidInputError              one or more fields do not fit; lists all of them
    │   └── InvalidQueryError          parameters of a query, not fields of a document
    └── UnauthenticatedError, ForbiddenError

Messages are for people and name the next step. They hold no secrets and no personal data.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One thing wrong with one field.

    `pointer` is an RFC 6901 JSON pointer (`/profile/bio`, empty for the whole document), `code` a stable
    snake_case word, `detail` a sentence without the value itself.
    """

    pointer: str
    code: str
    detail: str


class DocustoreError(Exception):
    """Any failure docustore knows about."""


class RetryableError(DocustoreError):
    """A failure that may pass; the same call may be made again."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DatabaseUnavailableError(RetryableError):
    """No MongoDB primary answered in time."""


class QueueUnavailableError(RetryableError):
    """Valkey did not answer in time."""


class SourceUnavailableError(RetryableError):
    """An upstream system did not answer, answered 5xx, or asked to come back later."""

    def __init__(self, *, source: str, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(f"source {source} is unavailable: {reason}", retry_after=retry_after)
        self.source = source
        self.reason = reason


class ConfigurationError(DocustoreError):
    """A setting is missing, unknown or malformed."""

    def __init__(self, *, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.setting = setting
        self.problem = problem


class EmbeddedServerError(DocustoreError):
    """A local MongoDB or Valkey could not be started; the message says what to do."""


class DataDirBusyError(EmbeddedServerError):
    """Another live process uses the data folder; `pid` is 0 when it is not known."""

    def __init__(self, *, data_dir: str, pid: int) -> None:
        super().__init__(
            f"{data_dir} is in use by another docustore process ({pid}): stop it, or pass another --data-dir"
        )
        self.data_dir = data_dir
        self.pid = pid


class ServiceStartError(DocustoreError):
    """A process of the service failed before the service was ready."""

    def __init__(self, *, part: str, problem: str, log: str, lines: str) -> None:
        super().__init__(f"{part} did not start ({problem}); its log {log} ends with:\n{lines}")
        self.part = part
        self.log = log


class SourceRejectedError(DocustoreError):
    """An upstream system refused the request; retrying changes nothing."""

    def __init__(self, *, source: str, status: int) -> None:
        super().__init__(f"source {source} answered {status}: check its url and credentials")
        self.source = source
        self.status = status


class SourceContentError(DocustoreError):
    """An upstream system sent something that cannot be user records, such as an HTML page."""

    def __init__(self, *, source: str, problem: str) -> None:
        super().__init__(f"source {source}: {problem}")
        self.source = source
        self.problem = problem


class RunError(DocustoreError):
    """A run that cannot go on or cannot be started."""


class QuarantineBudgetExceededError(RunError):
    """More records were quarantined than DOCUSTORE_ETL_QUARANTINE_BUDGET_PCT allows."""

    def __init__(self, *, quarantined: int, read: int, budget_pct: float) -> None:
        super().__init__(
            f"{quarantined} of {read} records were quarantined, more than the budget of {budget_pct:g} %: "
            "look at their reasons, mend the source, or raise DOCUSTORE_ETL_QUARANTINE_BUDGET_PCT"
        )
        self.quarantined = quarantined
        self.read = read


class SourceBusyError(RunError):
    """Another run of the same source is running."""

    def __init__(self, *, source: str, run_id: str) -> None:
        super().__init__(f"source {source} is being read by run {run_id}: wait for it or cancel it")
        self.source = source
        self.run_id = run_id


class LeaseLostError(RunError):
    """This process was silent for too long, or the run was cancelled; what it has not committed is void."""


class ListenerError(DocustoreError):
    """The change listener cannot go on."""


class ListenerFencedError(ListenerError):
    """A newer listener holds the lease; nothing of the current batch was applied."""


class PositionLostError(ListenerError):
    """The server can no longer resume from the stored position."""

    def __init__(self, *, stream: str, code: int | None) -> None:
        super().__init__(
            f"change stream {stream}: the oplog no longer reaches back to the position (server code {code}); "
            "set DOCUSTORE_CHANGES_ON_LOST_POSITION=snapshot to compare the collection with history and go on"
        )
        self.stream = stream
        self.code = code


class SnapshotExpiredError(ListenerError):
    """Reading all users took longer than the server keeps the state they were read at."""

    def __init__(self) -> None:
        super().__init__(
            "reading all users took longer than the server keeps past states: raise its parameter "
            "minSnapshotHistoryWindowInSeconds (300 by default), then start the listener again"
        )


class RecoveryLoopError(ListenerError):
    """The position was lost several times and nothing was applied in between."""

    def __init__(self, *, stream: str, recoveries: int) -> None:
        super().__init__(
            f"change stream {stream}: the position was lost {recoveries} times without one change applied in "
            "between; enlarge the oplog (replSetResizeOplog) or look at the server's log, then start again"
        )
        self.stream = stream
        self.recoveries = recoveries


class SchemaDriftError(DocustoreError):
    """The database differs from the declarations in a way that is not safe to change alone."""


class NotFoundError(DocustoreError):
    """A thing that does not exist."""

    def __init__(self, *, kind: str, id: str) -> None:  # noqa: A002  # the field's own name
        super().__init__(f"no {kind} {id}")
        self.kind = kind
        self.id = id


class UserGoneError(DocustoreError):
    """A user that was deleted; POST /users/{id}/restore brings it back."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"user {user_id} was deleted; POST /users/{user_id}/restore brings it back")
        self.user_id = user_id


class EmailTakenError(DocustoreError):
    """Another user, not deleted, has the e-mail address."""

    def __init__(self) -> None:
        super().__init__("another user has this e-mail address; choose another or change that user first")


class IdempotencyKeyReusedError(DocustoreError):
    """An idempotency key came again, with another request than the first time."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key came with another request before; make a new key for a new request")


class VersionConflictError(DocustoreError):
    """The document has changed since the version that the caller knows."""

    def __init__(self, *, user_id: str, expected: int, actual: int) -> None:
        super().__init__(
            f"user {user_id} is at version {actual}, the write was made for another: read it again, then repeat"
        )
        self.user_id = user_id
        self.expected = expected
        self.actual = actual


class PreconditionRequiredError(DocustoreError):
    """A write came without If-Match."""

    def __init__(self) -> None:
        super().__init__('send If-Match with the ETag of the version you changed, such as If-Match: "3"')


class InvalidInputError(DocustoreError):
    """Fields that do not fit; `errors` lists every one."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(f"{e.pointer or '/'}: {e.detail}" for e in errors))
        self.errors = errors


class InvalidQueryError(InvalidInputError):
    """Query parameters or headers that do not fit; a pointer names the parameter."""


class UnauthenticatedError(DocustoreError):
    """No API key, or one that is unknown, expired or revoked."""

    def __init__(self) -> None:
        super().__init__("send Authorization: Bearer <key>; `docustore keys create` makes one")


class ForbiddenError(DocustoreError):
    """The API key lacks a scope."""

    def __init__(self, *, scope: str) -> None:
        super().__init__(f"this needs an API key with scope {scope}")
        self.scope = scope


class DemoError(DocustoreError):
    """The demonstration cannot go on; the message names the part that did not answer as it should."""
