"""Bodies of requests: JSON in UTF-8; anything else is refused with the reason."""

from typing import Any, Final

from litestar import Request
from litestar.exceptions import ClientException, HTTPException
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE

from docustore.api.patches import ACCEPT_PATCH, PLAIN_JSON, PatchType

# The largest user that fits the schemas is some 100 kB of JSON, and a long patch of it not much more.
MAX_BODY_BYTES: Final = 1_000_000
JSON_TYPES: Final = frozenset({PLAIN_JSON})
PATCH_TYPES: Final = JSON_TYPES | {patch_type.value for patch_type in PatchType}


class ApiRequest(Request[Any, Any, Any]):
    """A request whose body is the client's fault where it cannot be read."""

    async def json(self) -> Any:
        """Read the body.

        Raises:
            ClientException: 400; it is not UTF-8, or nested deeper than the parser goes.
        """
        try:
            return await super().json()
        except UnicodeDecodeError as exc:
            raise ClientException("the body is not UTF-8") from exc
        except RecursionError as exc:
            raise ClientException("the body is nested too deeply") from exc


def takes_body(request: Request[Any, Any, Any]) -> bool:
    """Tell whether the route reads a body at all."""
    return "data" in request.route_handler.parsed_fn_signature.parameters


def refuse_unreadable_body(request: Request[Any, Any, Any]) -> None:
    """Refuse bodies that are missing or not JSON, before anything tries to read them.

    Raises:
        HTTPException: 415, with the types that would do; 400 where there is no body.
    """
    if not takes_body(request):
        return
    known = PATCH_TYPES if request.method == "PATCH" else JSON_TYPES
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    detail = f"send the body as {' or '.join(sorted(known))}"
    if not _has_body(request):
        raise ClientException(f"there is no body: {detail}")
    if given not in known:
        headers = {"Accept-Patch": ACCEPT_PATCH} if request.method == "PATCH" else {"Accept": "application/json"}
        raise HTTPException(detail, status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE, headers=headers)


def _has_body(request: Request[Any, Any, Any]) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"
