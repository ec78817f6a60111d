"""The tree of all errors that docustore raises.

    DocustoreError
    ├── RetryableError                 the same call may succeed later
    │   ├── DatabaseUnavailableError   no primary, no connection
    │   ├── QueueUnavailableError      Valkey does not answer
    │   ├── SourceUnavailableError     an upstream system does not answer, or asks to retry later
    │   ├── UserBusyError              other writers keep changing the user
    │   ├── WriteHeldUpError           a transaction with the same address has not ended
    │   ├── RecordsBusyError           other writers keep changing the users of a batch
    │   ├── PasswordsBusyError         too many passwords wait to be hashed
    │   ├── CompactionBusyError        another process compacts history
    │   ├── TooManyRequestsError       a rate limit is reached
    │   ├── TooManyReadersError        too many event streams are open
    │   ├── FeedBusyError              the process has its number of readers of changes, or it stops
    │   └── StreamQuotaError           the key has its number of readers of changes
    ├── ConfigurationError             a setting is invalid; the message names it
    ├── EmbeddedServerError            a local server cannot be started; the message says what to do
    │   └── DataDirBusyError           another live process uses the data folder
    ├── ServiceStartError              a process of `up` does not start; the message shows the end of its log
    ├── SourceRejectedError            an upstream system refuses the request (401, 403, 404)
    ├── SourceContentError             the answer of an upstream system contains no records
    ├── RunError                       a run cannot continue or cannot be started
    │   ├── QuarantineBudgetExceededError
    │   ├── ApprovalNeededError        the run would change too much; a person must decide
    │   ├── ContractBrokenError        a required field is missing in too many records
    │   ├── VerificationFailedError    a record is not stored as the run meant it
    │   ├── SourceBusyError            another run holds the source
    │   └── LeaseLostError             another process took the run over
    ├── ListenerError
    │   ├── ListenerFencedError        another listener holds the lease; this one must stop
    │   ├── PositionLostError          the oplog no longer reaches back to the position
    │   ├── SnapshotExpiredError       the snapshot expired before all users were read
    │   ├── RecoveryLoopError          the position was lost several times in a row
    │   ├── EffectsFailingError        change after change cannot be applied
    │   └── UnsupportedStoreError      the server or the collection has no changes that can be followed
    ├── SchemaDriftError               indexes or validators differ; a person must decide
    │   ├── StoreTooNewError           a newer version has migrated the store
    │   └── MigrationError             a migration cannot start or continue; the message says what to run
    │       ├── MigrationUnknownError
    │       ├── MigrationChangedError  the module of an applied migration was changed
    │       ├── MigrationStoppedError  a secondary is behind, or the disk is nearly full
    │       └── MigrationFencedError   another runner has taken over
    ├── TooManyDestinationsError       there are as many webhooks and handlers as the listener serves
    ├── NotFoundError                  a user, run, source or key does not exist
    ├── UserGoneError                  the user was deleted
    ├── EmailTakenError                another user has the e-mail address
    ├── UserRefusedError               the collection's validator refuses the user; names the fields
    ├── IdempotencyKeyReusedError      one key was sent with two different requests
    ├── VersionConflictError           the document changed since it was read
    │   └── SavedQueryChangedError     the saved query or report changed, or is gone
    ├── PreconditionRequiredError      a write has no If-Match
    ├── FeedError                      a client of the feed cannot continue by itself
    │   ├── FeedRefusedError           the server refuses the request; the message quotes its reason
    │   └── FeedResetError             changes after the last id are missing; read all users again
    ├── QueryError                     an analytics query has no answer
    │   ├── QueryTooExpensiveError     it costs more than the limits allow
    │   ├── QueryTimedOutError         the server has stopped it
    │   └── TooManySavedQueriesError   there are as many saved queries or reports as allowed
    ├── ExportExpiredError             an export took longer than the server keeps its snapshot
    ├── WarehouseError                 a folder cannot take more rows of this store; the message says why
    ├── DemoError                      the demonstration failed; the message says where
    ├── BodyTimeoutError               a request body does not arrive in time
    ├── ClientDisconnectedError        the client hangs up before its request is complete
    ├── InvalidInputError              one or more fields are invalid; lists all of them
    │   └── InvalidQueryError          query parameters or headers are invalid
    └── UnauthenticatedError, ForbiddenError

Messages are for people and name the next step. They contain no secrets and no personal data.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One error of one field.

    `pointer` is an RFC 6901 JSON pointer (`/profile/bio`, empty for the whole document). `code` is a stable
    snake_case word. `detail` is a sentence that never contains the value.
    """

    pointer: str
    code: str
    detail: str


class DocustoreError(Exception):
    """The root of all errors that docustore raises."""


class RetryableError(DocustoreError):
    """A transient failure; the same call may succeed later."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DatabaseUnavailableError(RetryableError):
    """No MongoDB primary answered in time."""


class QueueUnavailableError(RetryableError):
    """Valkey did not answer in time."""


class SourceUnavailableError(RetryableError):
    """An upstream system did not answer, answered 5xx, or asked to retry later."""

    def __init__(self, *, source: str, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(f"source {source} is unavailable: {reason}", retry_after=retry_after)
        self.source = source
        self.reason = reason


class UserBusyError(RetryableError):
    """Other writers changed the user first for the whole time limit of a write."""

    def __init__(self, user_id: str) -> None:
        super().__init__(
            f"other writers keep changing user {user_id}; send the request again", retry_after=timedelta(seconds=1)
        )
        self.user_id = user_id


class WriteHeldUpError(RetryableError):
    """A write did not end within its time limit."""

    def __init__(self) -> None:
        super().__init__(
            "the write did not end in time; a transaction of another client that writes the same e-mail address "
            "may hold it up; send the request again",
            retry_after=timedelta(seconds=5),
        )


class PasswordsBusyError(RetryableError):
    """Too many passwords wait to be hashed; nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "too many passwords are being hashed; send the request again", retry_after=timedelta(seconds=1)
        )


class CompactionBusyError(RetryableError):
    """Another process compacts history; its batches are kept."""

    def __init__(self) -> None:
        super().__init__("another process compacts history: see `docustore history status`, then run it again")


class TooManyRequestsError(RetryableError):
    """A rate limit is reached; the request was not executed."""

    def __init__(self, *, policy: str, quota: int, retry_after: timedelta) -> None:
        super().__init__(
            f"more than {quota} requests per minute of the kind `{policy}`; wait for the time in Retry-After, "
            "or let an operator run `docustore limits`",
            retry_after=retry_after,
        )
        self.policy = policy
        self.quota = quota


class TooManyReadersError(RetryableError):
    """Too many event streams are open in this process."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"{limit} event streams are open; close one, or read the run without `text/event-stream`",
            retry_after=timedelta(seconds=10),
        )
        self.limit = limit


class FeedBusyError(RetryableError):
    """The process has its number of readers of changes, or it stops."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"this process serves at most {limit} readers of changes, or it stops; connect again",
            retry_after=timedelta(seconds=2),
        )
        self.limit = limit


class StreamQuotaError(RetryableError):
    """The key has its number of readers of changes."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"this key has {limit} open readers of changes; close one, or use another key",
            retry_after=timedelta(seconds=10),
        )
        self.limit = limit


class RecordsBusyError(RetryableError):
    """Other writers changed the same users first, many times in a row."""

    def __init__(self) -> None:
        super().__init__(
            "other writers keep changing the same users: a scheduled run continues by itself; "
            "repeat a command or a request"
        )


class ConfigurationError(DocustoreError):
    """A setting is missing, unknown or malformed."""

    def __init__(self, *, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.setting = setting
        self.problem = problem


class EmbeddedServerError(DocustoreError):
    """A local MongoDB or Valkey did not start; the message says what to do."""


class DataDirBusyError(EmbeddedServerError):
    """Another running process uses the data folder; `pid` is 0 if it is unknown."""

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
    """An upstream system refused the request; a retry does not help."""

    def __init__(self, *, source: str, status: int) -> None:
        super().__init__(f"source {source} answered {status}: check its url and credentials")
        self.source = source
        self.status = status


class SourceContentError(DocustoreError):
    """An upstream system sent no user records, but for example an HTML page.

    `records_key` is the path at which the answer seems to have them, if there is one.
    """

    def __init__(self, *, source: str, problem: str, records_key: str | None = None) -> None:
        super().__init__(f"source {source}: {problem}")
        self.source = source
        self.problem = problem
        self.records_key = records_key


class RunError(DocustoreError):
    """A run cannot continue or cannot be started."""


class QuarantineBudgetExceededError(RunError):
    """More records were quarantined than the budget allows.

    The budget is DOCUSTORE_ETL_QUARANTINE_BUDGET_PCT.
    """

    def __init__(self, *, quarantined: int, read: int, budget_pct: float) -> None:
        super().__init__(
            f"{quarantined} of {read} records were quarantined, more than the budget of {budget_pct:g} %: "
            "look at their reasons, fix the source, or raise DOCUSTORE_ETL_QUARANTINE_BUDGET_PCT"
        )
        self.quarantined = quarantined
        self.read = read


class ApprovalNeededError(RunError):
    """A run was held before it changed more than its limits allow."""

    def __init__(self, *, source: str, run_id: str, reason: str) -> None:
        super().__init__(
            f"the run waits for approval: {reason}; compare with the source, then run "
            f"`docustore etl run {source} --approve` or `docustore etl approve {run_id}`"
        )
        self.run_id = run_id


class ContractBrokenError(RunError):
    """A required field is missing in more records than `max_missing_pct` allows."""

    def __init__(self, *, field: str, missing: int, read: int, max_missing_pct: float) -> None:
        super().__init__(
            f"the required field {field} is missing in {missing} of {read} records, more than max_missing_pct "
            f"({max_missing_pct:g} %): look at what the source sends, and correct it or the settings of the source"
        )
        self.field = field


class VerificationFailedError(RunError):
    """Records that a run has written are not stored as they were meant to be."""

    def __init__(self, *, differing: int, sampled: int, first: str, fields: list[str]) -> None:
        super().__init__(
            f"{differing} of {sampled} records that were read back differ from what was written, first {first} in "
            f"{', '.join(fields)}: see `verification` of the run and who writes these users, then run again"
        )
        self.differing = differing


class SourceBusyError(RunError):
    """Another run of the same source is running."""

    def __init__(self, *, source: str, run_id: str) -> None:
        super().__init__(f"source {source} is being read by run {run_id}: wait for it or cancel it")
        self.source = source
        self.run_id = run_id


class LeaseLostError(RunError):
    """The lease of the run expired, or the run was cancelled.

    Uncommitted work of this process is discarded.
    """


class ListenerError(DocustoreError):
    """The change listener cannot continue."""


class ListenerFencedError(ListenerError):
    """A newer listener holds the lease; no change of the current batch was applied."""


class PositionLostError(ListenerError):
    """The stream cannot resume from the stored position.

    `reason` is `position_lost`, or the operation that ended the collection.
    """

    def __init__(self, *, stream: str, code: int | None, reason: str = "position_lost") -> None:
        what = (
            f"the oplog no longer reaches back to the position (server code {code})"
            if reason == "position_lost"
            else f"the collection {stream} ended ({reason})"
        )
        super().__init__(
            f"change stream {stream}: {what}; run `docustore changes reset --to snapshot`, or set "
            "DOCUSTORE_CHANGES_ON_LOST_POSITION=snapshot, to compare the collection with history and continue"
        )
        self.stream = stream
        self.code = code
        self.reason = reason


class SnapshotExpiredError(ListenerError):
    """The snapshot expired before all users were read."""

    def __init__(self) -> None:
        super().__init__(
            "the snapshot expired before all users were read: raise the server parameter "
            "minSnapshotHistoryWindowInSeconds (300 by default), then restart the listener; "
            "it continues where it was"
        )


class RecoveryLoopError(ListenerError):
    """The position was lost several times with no change applied in between."""

    def __init__(self, *, stream: str, recoveries: int) -> None:
        super().__init__(
            f"change stream {stream}: the position was lost {recoveries} times with no change applied in "
            "between; enlarge the oplog (replSetResizeOplog) or check the server's log, then run "
            "`docustore changes reset --to snapshot`, or `--to now` to leave the gap in history"
        )
        self.stream = stream
        self.recoveries = recoveries


class EffectsFailingError(ListenerError):
    """Many changes in a row cannot be applied, so the fault is not in the changes."""

    def __init__(self, *, failures: int) -> None:
        super().__init__(
            f"{failures} changes in a row could not be applied: the fault is in the store or in docustore; "
            "read the reasons with `docustore changes dead-letters`, correct the fault, start the listener, "
            "then replay the letters"
        )
        self.failures = failures


class UnsupportedStoreError(ListenerError):
    """The server or the collection has no changes that can be followed."""


class SchemaDriftError(DocustoreError):
    """The database differs from the declarations; an automatic change is not safe."""


class StoreTooNewError(SchemaDriftError):
    """A newer version of docustore has migrated the store."""

    def __init__(self, *, found: int, known: int) -> None:
        super().__init__(
            f"the store has migration {found}, this version knows migrations up to {known}: start the newer "
            f"version, or run `docustore migrate down --to {known}` with it"
        )
        self.found = found
        self.known = known


class MigrationError(SchemaDriftError):
    """A migration cannot start or continue; the message names the next step."""


class MigrationUnknownError(MigrationError):
    """There is no migration with this number."""

    def __init__(self, *, number: int, newest: int) -> None:
        super().__init__(
            f"there is no migration {number}: the numbers are 0 to {newest}; see `docustore migrate status`"
        )
        self.number = number


class MigrationChangedError(MigrationError):
    """The module of an applied migration is not the one that was applied."""

    def __init__(self, *, number: int, name: str) -> None:
        super().__init__(
            f"migration {number} ({name}) was applied and its module has changed since: restore the module and "
            "write a new migration. If the change moves no document differently, run "
            f"`docustore migrate baseline --to {number}`"
        )
        self.number = number


class MigrationStoppedError(MigrationError):
    """The server is not well enough to continue; everything so far is kept."""

    def __init__(self, *, number: int, problem: str) -> None:
        super().__init__(f"migration {number} stopped: {problem}; then run the command again, it continues")
        self.number = number
        self.problem = problem


class MigrationFencedError(MigrationError):
    """Another runner has taken over; the batch in progress was not written."""

    def __init__(self) -> None:
        super().__init__("another process migrates this store: see `docustore migrate status`")


class TooManyDestinationsError(DocustoreError):
    """There are as many webhooks and handlers as one batch of the listener serves."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"there are {limit} destinations already: remove one with `docustore outbox remove`")
        self.limit = limit


class NotFoundError(DocustoreError):
    """The requested object does not exist."""

    def __init__(self, *, kind: str, id: str) -> None:  # noqa: A002  # the field's own name
        super().__init__(f"no {kind} {id}")
        self.kind = kind
        self.id = id


class UserGoneError(DocustoreError):
    """The user was deleted; POST /users/{id}/restore restores it."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"user {user_id} was deleted; restore it with POST /users/{user_id}/restore")
        self.user_id = user_id


class EmailTakenError(DocustoreError):
    """Another user, who is not deleted, has the e-mail address."""

    def __init__(self) -> None:
        super().__init__("another user has this e-mail address; use another address or change that user first")


class UserRefusedError(DocustoreError):
    """The collection's validator refuses a user; nothing was written."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("the validator of `users` refuses stored fields of this user; see `errors`")
        self.errors = errors


class IdempotencyKeyReusedError(DocustoreError):
    """An idempotency key was sent again with a different request."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was used with a different request; use a new key for a new request")


class VersionConflictError(DocustoreError):
    """The document has changed since the caller read it."""

    def __init__(self, *, user_id: str, expected: int, actual: int) -> None:
        super().__init__(
            f"user {user_id} is at version {actual}, the write expects another: read the user again, then repeat"
        )
        self.user_id = user_id
        self.expected = expected
        self.actual = actual


class SavedQueryChangedError(VersionConflictError):
    """A saved query or report has changed since it was read.

    `actual` is 0 if it is gone.
    """

    def __init__(self, *, kind: str, name: str, actual: int) -> None:
        DocustoreError.__init__(
            self,
            f"the {kind} {name} is at version {actual}, the write expects another: read it again, then repeat"
            if actual
            else f"there is no {kind} {name} to replace: leave out If-Match to create it",
        )
        self.kind = kind
        self.name = name
        self.actual = actual


class PreconditionRequiredError(DocustoreError):
    """A write has no If-Match."""

    def __init__(self) -> None:
        super().__init__('send If-Match with the ETag of the version you changed, such as If-Match: "3"')


class QueryError(DocustoreError):
    """An analytics query has no answer; the message names the next step."""


class QueryTooExpensiveError(QueryError):
    """An analytics query costs more than the limits allow."""


class QueryTimedOutError(QueryError):
    """The server has stopped an analytics query."""

    def __init__(self, *, timeout_ms: int, next_step: str | None = None) -> None:
        step = next_step or (
            "give `time.since` and `time.until`, filter by status, role, tag or location, or use fewer dimensions"
        )
        super().__init__(
            f"the query did not end within DOCUSTORE_QUERY_TIMEOUT_MS ({timeout_ms}) and was stopped: {step}"
        )
        self.timeout_ms = timeout_ms


class TooManySavedQueriesError(QueryError):
    """There are as many saved queries or reports as allowed; `plural` says which."""

    def __init__(self, *, plural: str, limit: int) -> None:
        super().__init__(f"there are {limit} {plural}: delete one that is no longer needed")
        self.limit = limit


class SavedQueryInUseError(QueryError):
    """A saved query cannot be deleted: reports answer it."""

    def __init__(self, *, name: str, reports: tuple[str, ...]) -> None:
        super().__init__(
            f"the query {name} is answered by the reports {', '.join(reports)}: delete them, or save them with "
            "another query, then delete it"
        )
        self.name = name
        self.reports = reports


class ExportExpiredError(DocustoreError):
    """The server no longer keeps the state that an export reads."""

    def __init__(self, *, as_of: datetime) -> None:
        super().__init__(
            f"the server no longer keeps the state of {as_of:%Y-%m-%d %H:%M:%S}Z that the export reads: start it "
            "again; if it takes too long, raise the server's parameter minSnapshotHistoryWindowInSeconds (300 by "
            "default), or export parts with filters"
        )
        self.as_of = as_of


class WarehouseError(DocustoreError):
    """A folder of the warehouse cannot take more rows of this store."""


class BodyTimeoutError(DocustoreError):
    """The body of a request was not complete within its time limit."""

    def __init__(self, *, timeout_s: float) -> None:
        super().__init__(f"the body was not complete after {timeout_s:g} seconds; send the request again")
        self.timeout_s = timeout_s


class ClientDisconnectedError(DocustoreError):
    """The client closed the connection before its request was complete."""

    def __init__(self) -> None:
        super().__init__("the client closed the connection before its request was complete")


class InvalidInputError(DocustoreError):
    """One or more fields are invalid; `errors` lists every error."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(f"{e.pointer or '/'}: {e.detail}" for e in errors))
        self.errors = errors


class InvalidQueryError(InvalidInputError):
    """Query parameters or headers are invalid; each pointer names one."""


class UnauthenticatedError(DocustoreError):
    """The API key is missing, unknown, expired or revoked."""

    def __init__(self) -> None:
        super().__init__("send Authorization: Bearer <key>; create a key with `docustore keys create`")


class ForbiddenError(DocustoreError):
    """The API key does not have the required scope."""

    def __init__(self, *, scope: str) -> None:
        super().__init__(f"this request needs an API key with scope {scope}")
        self.scope = scope


class FeedError(DocustoreError):
    """A client of the feed cannot continue by itself."""


class FeedRefusedError(FeedError):
    """The server refuses the request for the feed; a retry does not help."""

    def __init__(self, *, status: int, detail: str) -> None:
        super().__init__(f"the feed was refused with status {status}: {detail}")
        self.status = status


class FeedResetError(FeedError):
    """The changes after the last id are not available any more."""

    def __init__(self, *, reason: str, after: int) -> None:
        super().__init__(
            f"changes are missing ({reason}): read all users again, then follow the changes after {after}"
        )
        self.reason = reason
        self.after = after


class DemoError(DocustoreError):
    """The demonstration failed; the message names the part that failed."""
