"""The body of PATCH: the kind of the patch and its OpenAPI description."""

from dataclasses import dataclass
from typing import Final

from litestar.datastructures import Headers
from litestar.openapi.spec import Example, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from docustore.api.patches import PLAIN_JSON, PatchType

_MERGE_EXAMPLE: Final = {"status": "suspended", "profile": {"location": "Porto", "bio": None}}
_JSON_EXAMPLE: Final = [
    {"op": "test", "path": "/status", "value": "active"},
    {"op": "add", "path": "/tags/-", "value": "vip"},
]


def patch_type_of(headers: Headers) -> PatchType:
    """Tell the kind of a patch by its media type; other types are refused earlier."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return PatchType.JSON if media_type == PatchType.JSON.value else PatchType.MERGE


@dataclass
class PatchOperation(Operation):
    """An operation whose body is a patch of either kind."""

    def __post_init__(self) -> None:
        """Describe the body, because the framework cannot derive it."""
        merge = Schema(type=OpenAPIType.OBJECT, description="RFC 7396: the fields to change")
        operations = Schema(
            type=OpenAPIType.ARRAY,
            description="RFC 6902: operations, applied in order, all or none",
            items=Schema(type=OpenAPIType.OBJECT, required=["op", "path"]),
        )
        merge_examples = {"suspend": Example(summary="Suspend and relocate a user", value=_MERGE_EXAMPLE)}
        json_examples = {"tag": Example(summary="Tag an active user", value=_JSON_EXAMPLE)}
        self.request_body = RequestBody(
            required=True,
            content={
                PatchType.MERGE.value: OpenAPIMediaType(schema=merge, examples=dict(merge_examples)),
                PatchType.JSON.value: OpenAPIMediaType(schema=operations, examples=dict(json_examples)),
                PLAIN_JSON: OpenAPIMediaType(schema=merge),
            },
        )
