"""The `docustore` command: one module per group of commands, the frame in `main` and `command`."""
