"""The accounts of an embedded mongod."""

from docustore.embedded.credentials import ROOT_USER, SERVICE_USER, Credentials
from docustore.embedded.replica_set import Admin
from docustore.store_rights import Role, roles_on_any_database


async def give_passwords(client: Admin, credentials: Credentials) -> None:
    """Create both accounts, or give existing accounts these passwords.

    Repeatable. A data folder of an older version has no accounts, and one whose credentials file was deleted has
    accounts with other passwords.
    """
    root_roles = [{"role": "root", "db": "admin"}]
    await _set_account(client, ROOT_USER, credentials.mongodb_root_password, root_roles)
    # The rights on any database: the name of the database may change between two starts on one folder.
    await _set_account(client, SERVICE_USER, credentials.mongodb_password, roles_on_any_database())


async def _set_account(client: Admin, user: str, password: str, roles: list[Role]) -> None:
    exists = (await client.admin.command("usersInfo", user))["users"]
    verb = "updateUser" if exists else "createUser"
    await client.admin.command(verb, user, pwd=password, roles=roles, mechanisms=["SCRAM-SHA-256"])
