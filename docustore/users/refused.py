"""Name the fields of a write that the collection's validator refuses.

Documentation of the server's answer:
https://www.mongodb.com/docs/manual/core/schema-validation/specify-json-schema/
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from pymongo.errors import WriteError

from docustore.api.field_errors import json_pointer
from docustore.errors import FieldError, UserRefusedError
from docustore.transient import DOCUMENT_VALIDATION_FAILURE

CODE: Final = "refused_by_validator"
_DETAIL: Final = "MongoDB's validator refuses the value"

Path = tuple[str | int, ...]


@contextmanager
def named_refusal() -> Iterator[None]:
    """Translate the refusal of a write in the block.

    Raises:
        UserRefusedError: The validator refuses the user; nothing was written.
    """
    try:
        yield
    except WriteError as exc:
        if exc.code != DOCUMENT_VALIDATION_FAILURE:
            raise
        raise UserRefusedError(refused_fields(exc.details or {})) from exc


def refused_fields(failure: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return one error for each refused field.

    Args:
        failure: The server's error of one write, with `errInfo`.
    """
    found = _paths((failure.get("errInfo") or {}).get("details") or {}, ())
    pointers = dict.fromkeys(json_pointer(path) for path in found)
    return tuple(FieldError(pointer=pointer, code=CODE, detail=_DETAIL) for pointer in pointers)


def _paths(rule: Mapping[str, Any], path: Path) -> Iterator[Path]:
    """Yield the paths of the values that a rule refuses."""
    deeper = [
        *((failed, path) for failed in rule.get("schemaRulesNotSatisfied", ())),
        *(
            (failed, (*path, part["propertyName"]))
            for part in rule.get("propertiesNotSatisfied", ())
            for failed in part.get("details", ())
        ),
    ]
    if "itemIndex" in rule:
        deeper += [(failed, (*path, int(rule["itemIndex"]))) for failed in rule.get("details", ())]
    missing = rule.get("missingProperties", ())
    yield from ((*path, name) for name in missing)
    for failed, below in deeper:
        yield from _paths(failed, below)
    if not deeper and not missing:
        yield path
