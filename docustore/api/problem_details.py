"""Errors of the API as RFC 9457 `application/problem+json`.

This is the only module that maps errors to status codes.
"""

from collections.abc import Mapping
from http import HTTPStatus
from traceback import format_tb
from typing import Any, Final
from urllib.parse import quote

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from pymongo.errors import PyMongoError

from docustore.api.entity_tags import entity_tag
from docustore.api.field_errors import field_error, field_errors, json_pointer
from docustore.api.methods import allow_header
from docustore.api.metrics import count_as
from docustore.api.problem import MAX_ERRORS, MEDIA_TYPE, Problem, ProblemError
from docustore.api.problem_names import name_of, title_of
from docustore.api.request_ids import NAME as REQUEST_ID
from docustore.api.request_ids import request_id
from docustore.api.response_headers import DEFAULTS
from docustore.errors import (
    BodyTimeoutError,
    ClientDisconnectedError,
    ConfigurationError,
    DemoError,
    DocustoreError,
    EmailTakenError,
    EmbeddedServerError,
    ExportExpiredError,
    FeedError,
    FieldError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    InvalidQueryError,
    ListenerError,
    NotFoundError,
    PreconditionRequiredError,
    QueryError,
    RetryableError,
    RunError,
    SavedQueryInUseError,
    SchemaDriftError,
    ServiceStartError,
    SourceContentError,
    SourceRejectedError,
    StreamQuotaError,
    TooManyDestinationsError,
    TooManyRequestsError,
    TooManySavedQueriesError,
    UnauthenticatedError,
    UserGoneError,
    UserRefusedError,
    VersionConflictError,
    WarehouseError,
)
from docustore.transient import unavailability

log: Final = structlog.get_logger()
# The default of `Retry-After`. An election of a new primary takes about this long.
DEFAULT_RETRY_AFTER_S: Final = 5

# Not in the registry of status codes; proxies use it for the same. No client gets it, but the metrics count it.
CLIENT_CLOSED_REQUEST: Final = 499

# An error that is not listed has the status of its nearest listed ancestor.
STATUS_BY_ERROR: Final[Mapping[type[DocustoreError], int]] = {
    RetryableError: HTTPStatus.SERVICE_UNAVAILABLE,
    TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
    StreamQuotaError: HTTPStatus.TOO_MANY_REQUESTS,
    ConfigurationError: HTTPStatus.INTERNAL_SERVER_ERROR,
    EmbeddedServerError: HTTPStatus.INTERNAL_SERVER_ERROR,
    DemoError: HTTPStatus.INTERNAL_SERVER_ERROR,
    ServiceStartError: HTTPStatus.INTERNAL_SERVER_ERROR,
    SourceRejectedError: HTTPStatus.BAD_GATEWAY,
    SourceContentError: HTTPStatus.BAD_GATEWAY,
    RunError: HTTPStatus.CONFLICT,
    ListenerError: HTTPStatus.INTERNAL_SERVER_ERROR,
    FeedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    SchemaDriftError: HTTPStatus.INTERNAL_SERVER_ERROR,
    TooManyDestinationsError: HTTPStatus.CONFLICT,
    ExportExpiredError: HTTPStatus.INTERNAL_SERVER_ERROR,
    QueryError: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooManySavedQueriesError: HTTPStatus.CONFLICT,
    SavedQueryInUseError: HTTPStatus.CONFLICT,
    WarehouseError: HTTPStatus.INTERNAL_SERVER_ERROR,
    NotFoundError: HTTPStatus.NOT_FOUND,
    UserGoneError: HTTPStatus.GONE,
    EmailTakenError: HTTPStatus.CONFLICT,
    UserRefusedError: HTTPStatus.CONFLICT,
    IdempotencyKeyReusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    VersionConflictError: HTTPStatus.PRECONDITION_FAILED,
    PreconditionRequiredError: HTTPStatus.PRECONDITION_REQUIRED,
    BodyTimeoutError: HTTPStatus.REQUEST_TIMEOUT,
    ClientDisconnectedError: CLIENT_CLOSED_REQUEST,
    InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidQueryError: HTTPStatus.BAD_REQUEST,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
}

# The problems of the framework. The phrases of `HTTPStatus` differ between versions of Python; a type must not.
FRAMEWORK_PROBLEMS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "bad-request",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request-entity-too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported-media-type",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal-server-error",
}

_NEXT_STEPS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.NOT_FOUND: "no such path; see /schema",
    HTTPStatus.METHOD_NOT_ALLOWED: "the path does not allow this method; see the header `Allow`",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body exceeds 1 MB; send a smaller one",
}


# A request without a route does not reach the place that adds them to other answers.
_DEFAULT_HEADERS: Final = {name.decode(): value.decode() for name, value in DEFAULTS}


def domain_problem(request: Request[Any, Any, Any], exc: DocustoreError) -> Response[Problem]:
    """Answer an error of `docustore.errors`; log it if its status is 500."""
    status = status_of(type(exc))
    headers: dict[str, str] = {}
    if isinstance(exc, RetryableError):
        wait_s = exc.retry_after.total_seconds() if exc.retry_after else DEFAULT_RETRY_AFTER_S
        headers["Retry-After"] = str(max(1, round(wait_s)))
    if isinstance(exc, UnauthenticatedError):
        headers["WWW-Authenticate"] = 'Bearer realm="docustore"'
    if isinstance(exc, BodyTimeoutError) and request.scope["http_version"].startswith("1"):
        # The rest of the body is never read. HTTP/2 ends only the stream.
        headers["Connection"] = "close"
    if isinstance(exc, VersionConflictError):
        # The client can go on without another read if it wants to overwrite.
        headers["ETag"] = entity_tag(exc.actual)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return unexpected_problem(request, exc)
    errors = exc.errors if isinstance(exc, InvalidInputError) else None
    detail = _see(errors) if errors else str(exc)
    if isinstance(exc, UserRefusedError):
        errors = exc.errors
    return _answer(request, status, name=name_of(type(exc)), detail=detail, errors=errors, headers=headers)


def _see(errors: tuple[FieldError, ...]) -> str:
    if len(errors) <= MAX_ERRORS:
        return "the request is invalid; see `errors`"
    return f"the request is invalid in {len(errors)} places; see the first {MAX_ERRORS} in `errors`"


def http_problem(request: Request[Any, Any, Any], exc: HTTPException) -> Response[Problem]:
    """Answer an error of the framework.

    Examples are unknown paths, wrong methods and unreadable bodies.
    """
    if isinstance(exc, ValidationException):
        return domain_problem(request, _invalid(exc))
    status = HTTPStatus(exc.status_code)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return unexpected_problem(request, exc)
    name = FRAMEWORK_PROBLEMS.get(status) or status.phrase.lower().replace(" ", "-").replace("'", "")
    headers = {key.lower(): str(value) for key, value in (exc.headers or {}).items()}
    if "allow" in headers:
        headers["allow"] = allow_header(headers["allow"].split(", "))
    # Without a message of its own, the framework repeats the title as detail. Its 404 of a static file quotes the
    # path.
    is_own = exc.detail not in {"", status.phrase} and status is not HTTPStatus.NOT_FOUND
    detail = exc.detail if is_own else _NEXT_STEPS.get(status, status.description)
    return _answer(request, status, name=name, detail=detail, headers=headers)


def disconnected(request: Request[Any, Any, Any], _: ClientDisconnectedError) -> Response[Problem]:
    """End a request whose body is incomplete.

    Almost always its client is gone, so it is counted under a status of its own. A client that sends no more but
    still reads, or that sends malformed chunks, looks the same to the server; it gets this answer.
    """
    log.debug("request.disconnected", method=request.method, route=request.scope.get("path_template"))
    count_as(request.scope, CLIENT_CLOSED_REQUEST)
    detail = "the body is incomplete: it is shorter than its Content-Length, or its chunks are malformed"
    return _answer(request, HTTPStatus.BAD_REQUEST, name="bad-request", detail=detail)


def database_problem(request: Request[Any, Any, Any], exc: PyMongoError) -> Response[Problem]:
    """Answer 503 for a transient error of MongoDB, 500 for other driver errors."""
    translated = unavailability(exc)
    return unexpected_problem(request, exc) if translated is None else domain_problem(request, translated)


def unexpected_problem(request: Request[Any, Any, Any], exc: Exception) -> Response[Problem]:
    """Answer 500 and log the stack; the response contains no details."""
    log.error(
        "request.failed",
        method=request.method,
        route=request.scope.get("path_template"),
        error=type(exc).__name__,
        # The message is not logged: a driver error may quote a document, which is personal data.
        stack="".join(format_tb(exc.__traceback__)),
    )
    detail = "internal error; see the log of the API"
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, name="internal-server-error", detail=detail)


EXCEPTION_HANDLERS: Final[dict[int | type[Exception], Any]] = {
    DocustoreError: domain_problem,
    ClientDisconnectedError: disconnected,
    HTTPException: http_problem,
    PyMongoError: database_problem,
    Exception: unexpected_problem,
}


def status_of(error: type[DocustoreError]) -> int:
    """Return the status of an error: its own, else that of its nearest ancestor.

    500 if no ancestor is listed.
    """
    listed = (STATUS_BY_ERROR[ancestor] for ancestor in error.__mro__ if ancestor in STATUS_BY_ERROR)
    return next(listed, HTTPStatus.INTERNAL_SERVER_ERROR)


def _invalid(exc: ValidationException) -> InvalidInputError:
    """Translate a validation error of the framework.

    It concerns fields of a body: the errors of pydantic or of msgspec.
    """
    from_pydantic = getattr(exc.__cause__, "errors", None)
    if from_pydantic is not None:
        return InvalidInputError(field_errors(from_pydantic))
    # Query parameters are checked earlier. What is left is a part of a body that msgspec reads.
    given = exc.extra if isinstance(exc.extra, list) else []
    return InvalidQueryError(tuple(field_error(json_pointer((e.get("key", ""),)), "invalid") for e in given))


def _answer(
    request: Request[Any, Any, Any],
    status: int,
    *,
    name: str,
    detail: str,
    errors: tuple[FieldError, ...] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[Problem]:
    # A request without a route has no id yet.
    own_id = request_id(request.scope)
    listed = [ProblemError(pointer=e.pointer, code=e.code, detail=e.detail) for e in (errors or ())[:MAX_ERRORS]]
    problem = Problem(
        type=f"/problems/{name}",
        title=title_of(name),
        status=int(status),
        detail=detail,
        instance=quote(request.scope["path"]),
        request_id=own_id,
        errors=listed or msgspec.UNSET,
    )
    given = _DEFAULT_HEADERS | {REQUEST_ID: own_id} | dict(headers or {})
    return Response(problem, status_code=int(status), media_type=MEDIA_TYPE, headers=given)
