"""The camera's SSH server."""
