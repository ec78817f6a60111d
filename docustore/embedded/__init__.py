"""Local servers for development: MongoDB, Valkey, and the supervisor behind `up` and `demo`."""
