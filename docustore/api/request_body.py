"""Request bodies: JSON in UTF-8; any other body is refused with the reason."""

from typing import Any, Final

from litestar import Request
from litestar.exceptions import ClientException, HTTPException
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE

from docustore.api.patches import ACCEPT_PATCH, PLAIN_JSON, PatchType

# The largest valid user is about 100 kB of JSON; a long patch of it is not much larger.
MAX_BODY_BYTES: Final = 1_000_000
JSON_TYPES: Final = frozenset({PLAIN_JSON})
PATCH_TYPES: Final = JSON_TYPES | {patch_type.value for patch_type in PatchType}


class ApiRequest(Request[Any, Any, Any]):
    """A request that answers 400 when its body cannot be parsed."""

    async def json(self) -> Any:
        """Parse the body.

        Raises:
            ClientException: 400; the body is not UTF-8, or it is nested too deeply for the parser.
        """
        try:
            return await super().json()
        except UnicodeDecodeError as exc:
            raise ClientException("the body is not UTF-8") from exc
        except RecursionError as exc:
            raise ClientException("the body is nested too deeply") from exc


def takes_body(request: Request[Any, Any, Any]) -> bool:
    """Tell whether the route reads a body."""
    return "data" in request.route_handler.parsed_fn_signature.parameters


def refuse_unreadable_body(request: Request[Any, Any, Any]) -> None:
    """Refuse missing bodies and bodies of another type before they are parsed.

    Raises:
        HTTPException: 415 for another media type, with the accepted types; 400 for a missing body.
    """
    if not takes_body(request):
        return
    known = PATCH_TYPES if request.method == "PATCH" else JSON_TYPES
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    detail = f"send the body as {' or '.join(sorted(known))}"
    if not _has_body(request):
        raise ClientException(f"the body is missing: {detail}")
    if given not in known:
        headers = {"Accept-Patch": ACCEPT_PATCH} if request.method == "PATCH" else {"Accept": "application/json"}
        raise HTTPException(detail, status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE, headers=headers)


def _has_body(request: Request[Any, Any, Any]) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"
