"""Routes that explain the types of problems.

The path of a type is the `type` of a problem.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from litestar import Controller, get
from litestar.params import PathParameter

from docustore.api.problem import problems
from docustore.api.problem_details import (
    CLIENT_CLOSED_REQUEST,
    FRAMEWORK_PROBLEMS,
    status_of,
)
from docustore.api.problem_names import name_of, title_of
from docustore.errors import DocustoreError, NotFoundError
from docustore.security.authentication import PUBLIC

ProblemName = Annotated[str, PathParameter(description="the last part of the `type` of a problem")]

PATH: Final = "/problems"

NEXT_STEPS: Final[Mapping[str, str]] = {
    "approval-needed": "Read the `hold` of the run, then approve it with `POST /etl/runs/{id}/approve`.",
    "bad-request": "Correct the request as `detail` says: its body is missing, or is not JSON in UTF-8.",
    "body-timeout": "Send the request again. If it happens again, send a smaller body or use a faster connection.",
    "compaction-busy": "Wait until the other compaction ends, then start it again.",
    "contract-broken": "Check what the source sends; a required field is missing.",
    "database-unavailable": "Send the request again after `Retry-After` seconds.",
    "email-taken": "Use another e-mail address, or change the user that has it.",
    "feed-busy": "Connect again after `Retry-After` seconds, with the id of your last change.",
    "forbidden": "Use a key with the scope that `detail` names.",
    "idempotency-key-reused": "Use a new `Idempotency-Key` for a new request.",
    "internal-server-error": "Report it to the operator of the service; its log contains the cause.",
    "invalid-input": "Correct the fields of the body that `errors` lists.",
    "invalid-query": "Correct the query parameters or headers that `errors` lists.",
    "lease-lost": "Start the run again.",
    "method-not-allowed": "Use one of the methods that the header `Allow` lists.",
    "not-found": "Check the path and the id; `/schema` lists all paths.",
    "passwords-busy": "Send the request again after `Retry-After` seconds.",
    "precondition-required": "Send `If-Match` with the `ETag` of the version that you change.",
    "quarantine-budget-exceeded": "Read the reasons at `/etl/quarantine`, and correct the source.",
    "query": "Change the query as `detail` says.",
    "query-timed-out": "Narrow the time range or the filters, or use fewer dimensions.",
    "query-too-expensive": "Change the query as `detail` says; `explain` tells the estimate without running it.",
    "queue-unavailable": "Send the request again after `Retry-After` seconds.",
    "records-busy": "Wait: the run continues by itself.",
    "request-entity-too-large": "Send a body of at most 1 MB.",
    "retryable": "Send the request again after `Retry-After` seconds.",
    "run": "Read the state of the run at `/etl/runs`, then start a new one.",
    "saved-query-in-use": "Delete the reports that `detail` names, or save them with another query.",
    "saved-query-changed": "Read the saved query again, apply your change to it, and send the new `ETag`.",
    "source-busy": "Wait for the run that `detail` names, or cancel it.",
    "source-content": "Check what the source sends; it contains no user records.",
    "source-rejected": "Check the URL and the credentials of the source.",
    "source-unavailable": "Send the request again after `Retry-After` seconds.",
    "stream-quota": "Close another stream of the same key, or use another key.",
    "too-many-destinations": "Delete a webhook that is no longer needed, then send the request again.",
    "too-many-readers": "Close another event stream, or read the run as JSON, now and then.",
    "too-many-saved-queries": "Delete a saved query that is no longer needed.",
    "too-many-requests": "Wait for `Retry-After` seconds, then send the request again.",
    "unauthenticated": "Send `Authorization: Bearer <key>` with a valid key.",
    "unsupported-media-type": "Send the body as one of the types that `detail` lists.",
    "user-busy": "Send the request again after `Retry-After` seconds.",
    "user-gone": "Restore the user with `POST /users/{id}/restore`, or stop using its id.",
    "user-refused": "Correct the fields in `errors` with `PATCH /users/{id}`, then send the request again.",
    "verification-failed": "Read `verification` of the run, and find out who changed these users.",
    "write-held-up": "Send the request again after `Retry-After` seconds, for a minute at most.",
    "version-conflict": "Read the user again, apply your change to it, and send the new `ETag`.",
}
_NOT_ANSWERED: Final = {HTTPStatus.INTERNAL_SERVER_ERROR, CLIENT_CLOSED_REQUEST}
_FALLBACK: Final = "Correct the request as `detail` says."


class ProblemType(msgspec.Struct, frozen=True):
    """One type of problem: its path, its status, and what a client does about it."""

    type: str
    title: str
    status: int
    next_step: str


class ProblemTypesController(Controller):
    """The types of problems."""

    path = PATH
    tags = ("operation",)

    @get(
        "/",
        opt=PUBLIC,
        security=[{}],
        operation_id="list_problem_types",
        summary="List problem types",
        sync_to_thread=False,
    )
    def list_types(self) -> list[ProblemType]:
        """List every type of problem that this API can answer with, by name."""
        return list(PROBLEM_TYPES.values())

    @get(
        "/{name:str}",
        opt=PUBLIC,
        security=[{}],
        operation_id="get_problem_type",
        summary="Explain a problem type",
        responses=problems(404),
        sync_to_thread=False,
    )
    def read_type(self, name: ProblemName) -> ProblemType:
        """Explain one type of problem; `type` of every problem is such a path."""
        if name not in PROBLEM_TYPES:
            raise NotFoundError(kind="problem type", id=name)
        return PROBLEM_TYPES[name]


def _statuses() -> Iterator[tuple[str, int]]:
    yield from ((name, int(status)) for status, name in FRAMEWORK_PROBLEMS.items())
    for error in _below(DocustoreError):
        status = status_of(error)
        # An internal error never tells its name. A client that is gone reads no answer.
        if status not in _NOT_ANSWERED:
            yield name_of(error), int(status)


def _below(error: type[DocustoreError]) -> Iterator[type[DocustoreError]]:
    for direct in error.__subclasses__():
        yield direct
        yield from _below(direct)


PROBLEM_TYPES: Final[Mapping[str, ProblemType]] = {
    name: ProblemType(
        type=f"{PATH}/{name}", title=title_of(name), status=status, next_step=NEXT_STEPS.get(name, _FALLBACK)
    )
    for name, status in sorted(dict(_statuses()).items())
}
