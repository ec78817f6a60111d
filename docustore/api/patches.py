"""Merge patches (RFC 7396) and JSON patches (RFC 6902) of JSON values. Pure."""

from copy import deepcopy
from enum import StrEnum
from typing import Any, Final

from jsonpatch import InvalidJsonPatch, JsonPatch, JsonPatchConflict, JsonPatchException
from jsonpointer import JsonPointerException

from docustore.errors import FieldError, InvalidInputError

PLAIN_JSON: Final = "application/json"
MAX_OPERATIONS: Final = 1000
# Each `copy` operation can double the document. A valid patch of a user needs far fewer.
MAX_COPIES: Final = 50


class PatchType(StrEnum):
    """The format of a patch, by its media type."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"


ACCEPT_PATCH: Final = f"{PatchType.MERGE}, {PatchType.JSON}, {PLAIN_JSON}"


def apply_patch(document: dict[str, Any], patch: object, *, patch_type: PatchType) -> object:
    """Return the patched document; the argument is not changed.

    Raises:
        InvalidInputError: The patch is malformed, one of its paths does not exist, or one of its tests fails.
    """
    if patch_type is PatchType.MERGE:
        return _merged(document, patch)
    return _json_patched(document, patch)


def _merged(target: object, patch: object) -> object:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


def _json_patched(document: dict[str, Any], patch: object) -> object:
    operations = _checked(patch)
    try:
        return JsonPatch(operations).apply(deepcopy(document))
    except InvalidJsonPatch as exc:
        raise _refusal("patch_malformed", "an operation lacks a member, or its `op` is unknown") from exc
    except (JsonPatchConflict, JsonPointerException) as exc:
        raise _refusal("path_missing", "an operation's path does not exist") from exc
    except JsonPatchException as exc:  # a failed `test` is one of them
        raise _refusal("test_failed", "a `test` operation failed") from exc


def _checked(patch: object) -> list[dict[str, Any]]:
    if not isinstance(patch, list) or not all(isinstance(operation, dict) for operation in patch):
        raise _refusal("patch_malformed", "a JSON patch is an array of operations")
    copies = sum(operation.get("op") == "copy" for operation in patch)
    if len(patch) > MAX_OPERATIONS or copies > MAX_COPIES:
        detail = f"send at most {MAX_OPERATIONS} operations, at most {MAX_COPIES} of them `copy`"
        raise _refusal("patch_too_long", detail)
    return patch


def _refusal(code: str, detail: str) -> InvalidInputError:
    return InvalidInputError((FieldError(pointer="", code=code, detail=detail),))
