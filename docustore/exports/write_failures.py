"""Why single writes of an import failed. Pure."""

from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.errors import BulkWriteError

from docustore.errors import FieldError
from docustore.etl.refusals import REFUSED_BY_STORE
from docustore.exports.decide import TAKEN
from docustore.transient import DOCUMENT_VALIDATION_FAILURE, DUPLICATE_KEY
from docustore.users.refused import refused_fields

Document = dict[str, Any]
_IDENTITY_TAKEN: Final = FieldError(
    pointer="/identities", code="identity_taken", detail="another user has an identity of the row"
)
BUSY: Final = FieldError(pointer="", code="busy", detail="other writers keep changing the user; import again")


@dataclass(frozen=True, slots=True)
class Failures:
    """Why single writes of a batch failed, by index.

    `refused`: the validator refuses the user. `met`: another user has its place.
    """

    refused: dict[int, tuple[FieldError, ...]] = field(default_factory=dict)
    met: dict[int, FieldError] = field(default_factory=dict)


def failures_of(error: BulkWriteError) -> Failures:
    """Return why single operations failed; raise any other failure."""
    failures = error.details["writeErrors"]
    known = {DUPLICATE_KEY, DOCUMENT_VALIDATION_FAILURE}
    if any(each["code"] not in known for each in failures) or error.details["writeConcernErrors"]:
        raise error
    found = Failures()
    for each in failures:
        if each["code"] == DOCUMENT_VALIDATION_FAILURE:
            found.refused[each["index"]] = refused_fields(each) or (REFUSED_BY_STORE,)
        else:
            found.met[each["index"]] = _met(each)
    return found


def _met(failure: Document) -> FieldError:
    keys = failure.get("keyPattern") or {}
    return TAKEN if "email" in keys else _IDENTITY_TAKEN if "identities.key" in keys else BUSY
