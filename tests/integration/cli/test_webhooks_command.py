"""`docustore webhooks` and `docustore outbox`."""

from docustore.config import Settings
from docustore.database import Database
from tests.integration.cli.docustore_command import addresses, run_docustore
from tests.receiving import receiver


async def test_commands_steer_a_webhook(settings: Settings, database: Database) -> None:
    variables = addresses(settings) | {"DOCUSTORE_WEBHOOK_PRIVATE_NETWORKS": '["127.0.0.0/8"]'}

    async with receiver() as service:
        created = await run_docustore(
            "webhooks", "create", service.url, "--operation", "insert", "--json", **variables
        )
        webhook_id = created.document["webhook"]["id"]
        tested = await run_docustore("webhooks", "test", webhook_id, "--json", **variables)
    rotated = await run_docustore("webhooks", "rotate", webhook_id, "--json", **variables)
    disabled = await run_docustore("outbox", "disable", f"webhook:{webhook_id}", "--json", **variables)
    listed = await run_docustore("outbox", "list", "--json", **variables)
    unclear = await run_docustore("webhooks", "replay", webhook_id, "--json", **variables)
    replayed = await run_docustore("webhooks", "replay", webhook_id, "--since", "0", "--json", **variables)
    shown = await run_docustore("outbox", "events", f"webhook:{webhook_id}", "--json", **variables)
    deleted = await run_docustore("webhooks", "delete", webhook_id, "--json", **variables)

    assert created.document["secret"].startswith("whsec_")
    assert created.document["webhook"]["operations"] == ["insert"]
    assert (tested.exit_code, tested.document["status"]) == (0, 204)
    assert rotated.document["secret"] != created.document["secret"]
    assert disabled.exit_code == 0
    assert [(each["name"], each["is_enabled"]) for each in listed.document] == [(f"webhook:{webhook_id}", False)]
    assert (unclear.exit_code, replayed.document) == (2, {"since": 0, "until": 0})
    assert (shown.document, deleted.exit_code) == ([], 0)
    actions = [entry["action"] async for entry in database["audit_log"].find(sort=[("at", 1), ("_id", 1)])]
    assert actions == [
        "webhook.create",
        "webhook.test",
        "webhook.rotate",
        "destination.disable",
        "destination.replay",
        "webhook.delete",
    ]


async def test_private_address_is_refused_with_the_next_step(settings: Settings, database: Database) -> None:
    refused = await run_docustore("webhooks", "create", "https://10.0.0.1/", "--json", **addresses(settings))

    assert refused.exit_code == 1
    assert "DOCUSTORE_WEBHOOK_PRIVATE_NETWORKS" in refused.document["error"]["message"]
    assert await database["webhooks"].find_one() is None
