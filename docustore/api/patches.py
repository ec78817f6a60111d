"""Merge patches (RFC 7396) and JSON patches (RFC 6902) of JSON values. Pure."""

from copy import deepcopy
from enum import StrEnum
from typing import Any, Final

import msgspec
from jsonpatch import InvalidJsonPatch, JsonPatch, JsonPatchConflict, JsonPatchException
from jsonpointer import JsonPointer, JsonPointerException

from docustore.errors import FieldError, InvalidInputError

PLAIN_JSON: Final = "application/json"
MAX_OPERATIONS: Final = 1000
# Each `copy` operation can double the document: thirty of them would fill the memory. A valid patch needs few of
# them. All copies of one patch together are at most as large as the largest body.
MAX_COPIES: Final = 50
MAX_COPIED_BYTES: Final = 1_000_000


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
        return _applied(document, operations)
    except InvalidJsonPatch as exc:
        raise _refusal("patch_malformed", "an operation lacks a member, or its `op` is unknown") from exc
    except (JsonPatchConflict, JsonPointerException) as exc:
        raise _refusal("path_missing", "an operation's path does not exist") from exc
    except RecursionError as exc:
        raise _refusal("patch_too_deep", "the operations nest values too deeply") from exc
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


def _applied(document: dict[str, Any], operations: list[dict[str, Any]]) -> object:
    JsonPatch(operations)  # checks all operations before the first one is applied
    patched: object = deepcopy(document)
    copied_bytes = 0
    for operation in operations:
        copied_bytes += _copied_bytes(patched, operation)
        if copied_bytes > MAX_COPIED_BYTES:
            raise _refusal("copies_too_large", f"the `copy` operations copy more than {MAX_COPIED_BYTES} bytes")
        patched = JsonPatch([operation]).apply(patched, in_place=True)
    return patched


def _copied_bytes(document: object, operation: dict[str, Any]) -> int:
    source = operation.get("from")
    if operation.get("op") != "copy" or not isinstance(source, str):
        return 0
    # A value of another client may have no form in JSON.
    return len(msgspec.json.encode(JsonPointer(source).resolve(document), enc_hook=str))


def _refusal(code: str, detail: str) -> InvalidInputError:
    return InvalidInputError((FieldError(pointer="", code=code, detail=detail),))
