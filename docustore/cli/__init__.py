"""The command line: one module per group; the frame is `main` and `command`."""
