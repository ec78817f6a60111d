"""Merge patches (RFC 7396) and JSON patches (RFC 6902), applied to plain JSON values. Pure."""

from copy import deepcopy
from enum import StrEnum
from typing import Any, Final

from jsonpatch import InvalidJsonPatch, JsonPatch, JsonPatchConflict, JsonPatchException
from jsonpointer import JsonPointerException

from docustore.errors import FieldError, InvalidInputError

PLAIN_JSON: Final = "application/json"
MAX_OPERATIONS: Final = 1000
# A chain of `copy` operations doubles a document with each step; what a user may hold is far below this.
MAX_COPIES: Final = 50


class PatchType(StrEnum):
    """How a patch is written, by its media type."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"


ACCEPT_PATCH: Final = f"{PatchType.MERGE}, {PatchType.JSON}, {PLAIN_JSON}"


def apply_patch(document: dict[str, Any], patch: object, *, patch_type: PatchType) -> object:
    """Return the patched document; the one given stays as it is.

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
        raise _refusal("patch_malformed", "an operation lacks a member, or names no known `op`") from exc
    except (JsonPatchConflict, JsonPointerException) as exc:
        raise _refusal("path_missing", "an operation's path does not exist") from exc
    except JsonPatchException as exc:  # a failed `test` among them
        raise _refusal("test_failed", "a `test` operation does not hold") from exc


def _checked(patch: object) -> list[dict[str, Any]]:
    if not isinstance(patch, list) or not all(isinstance(operation, dict) for operation in patch):
        raise _refusal("patch_malformed", "a JSON patch is an array of operations")
    copies = sum(operation.get("op") == "copy" for operation in patch)
    if len(patch) > MAX_OPERATIONS or copies > MAX_COPIES:
        detail = f"at most {MAX_OPERATIONS} operations, {MAX_COPIES} of them `copy`"
        raise _refusal("patch_too_long", detail)
    return patch


def _refusal(code: str, detail: str) -> InvalidInputError:
    return InvalidInputError((FieldError(pointer="", code=code, detail=detail),))
