"""The bench's gateway: where a camera's own connections come out, and what it sends on them."""
