"""The rights of the service's own account in MongoDB, in every deployment."""

from typing import Final

Role = dict[str, str]

# Documents; collections, validators and indexes.
DATABASE_ROLES: Final = ("readWrite", "dbAdmin")
# Progress of index builds, state of the replica set, reach of the oplog.
CLUSTER_ROLE: Final[Role] = {"role": "clusterMonitor", "db": "admin"}


def roles_on(database: str) -> list[Role]:
    """Return the roles of an account for one database."""
    return [*({"role": role, "db": database} for role in DATABASE_ROLES), CLUSTER_ROLE]


def roles_on_any_database() -> list[Role]:
    """Return the same rights on every database, except the server's own."""
    return [*({"role": f"{role}AnyDatabase", "db": "admin"} for role in DATABASE_ROLES), CLUSTER_ROLE]
