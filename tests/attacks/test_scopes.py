"""Every route with every scope."""

from docustore.config import Settings
from docustore.security.models import Scope
from tests.integration.api.conftest import Client
from tests.integration.api.test_access import is_public, routes, url_of

# Routes that do not follow the rule: safe methods need `read`, other methods need `write`.
# The export has the texts of the records.
ADMIN_PREFIXES = (
    "/changes/",
    "/etl/quarantine/export",
    "/webhooks",
    "/audit",
    "/analytics/reports",
    "/alerts/messages/retry",
)
# What a person decides for a source: it changes what all later runs do.
DECISIONS = ("/pause", "/resume", "/release", "/approve", "/reject", "/backfill", "/watermark", "/waiver")
OPEN_TO_READERS = {("GET", "/changes/status"), ("GET", "/changes/effects"), ("GET", "/changes/gaps")}
# A question, whatever its method is.
ASKED_BY_READERS = {("POST", "/analytics/query"), ("POST", "/analytics/queries/{name:str}/run")}
SAFE = {"GET"}


def needed(method: str, path: str) -> Scope:
    if path.startswith(ADMIN_PREFIXES) and (method, path) not in OPEN_TO_READERS:
        return Scope.ADMIN
    if (method, path) in ASKED_BY_READERS:
        return Scope.READ
    if method not in SAFE and path.startswith(("/etl/", "/quality/")) and path.endswith(DECISIONS):
        return Scope.ADMIN
    return Scope.READ if method in SAFE else Scope.WRITE


async def test_key_below_the_needed_scope_is_403(
    anonymous: Client, keys: dict[Scope, str], api_settings: Settings
) -> None:
    """A key with the needed scope passes; others get 403."""
    differing = []
    for method, path in routes(api_settings):
        if is_public(path):
            continue
        url = url_of(path)
        for scope, key in keys.items():
            headers = {"authorization": f"Bearer {key}"}
            response = await anonymous.request(method, url, headers=headers)
            passes = response.status_code not in {401, 403}
            if passes is not scope.includes(needed(method, path)):
                differing.append(f"{method} {path} with {scope}: {response.status_code}")

    assert differing == []
