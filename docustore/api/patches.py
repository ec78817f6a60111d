"""Merge patches (RFC 7396) and JSON patches (RFC 6902) of JSON values. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager
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
    # Every operation is checked before the first one is applied.
    for index, operation in enumerate(operations):
        with _refusing(index):
            JsonPatch([operation])
    patched: object = deepcopy(document)
    copied_bytes = 0
    for index, operation in enumerate(operations):
        with _refusing(index):
            copied_bytes += _copied_bytes(patched, operation)
            if copied_bytes > MAX_COPIED_BYTES:
                detail = f"the `copy` operations copy more than {MAX_COPIED_BYTES} bytes"
                raise _refusal("copies_too_large", detail, pointer=f"/{index}")
            patched = JsonPatch([operation]).apply(patched, in_place=True)
    return patched


@contextmanager
def _refusing(index: int) -> Iterator[None]:
    """Translate what is wrong with one operation of the array."""
    pointer = f"/{index}"
    try:
        yield
    except InvalidJsonPatch as exc:
        detail = "this operation lacks a member, or its `op` is unknown"
        raise _refusal("patch_malformed", detail, pointer=pointer) from exc
    except (JsonPatchConflict, JsonPointerException) as exc:
        raise _refusal("path_missing", "the path of this operation does not exist", pointer=pointer) from exc
    except RecursionError as exc:
        raise _refusal("patch_too_deep", "the operations nest values too deeply", pointer=pointer) from exc
    except JsonPatchException as exc:  # a failed `test` is one of them
        raise _refusal("test_failed", "this `test` operation failed", pointer=pointer) from exc


def _checked(patch: object) -> list[dict[str, Any]]:
    if not isinstance(patch, list) or not all(isinstance(operation, dict) for operation in patch):
        raise _refusal("patch_malformed", "a JSON patch is an array of operations")
    copies = sum(operation.get("op") == "copy" for operation in patch)
    if len(patch) > MAX_OPERATIONS or copies > MAX_COPIES:
        detail = f"send at most {MAX_OPERATIONS} operations, at most {MAX_COPIES} of them `copy`"
        raise _refusal("patch_too_long", detail)
    return patch


def _copied_bytes(document: object, operation: dict[str, Any]) -> int:
    source = operation.get("from")
    if operation.get("op") != "copy" or not isinstance(source, str):
        return 0
    # A value of another client may have no form in JSON.
    return len(msgspec.json.encode(JsonPointer(source).resolve(document), enc_hook=str))


def _refusal(code: str, detail: str, *, pointer: str = "") -> InvalidInputError:
    """Refuse the patch; the pointer is that of the operation in the array."""
    return InvalidInputError((FieldError(pointer=pointer, code=code, detail=detail),))
