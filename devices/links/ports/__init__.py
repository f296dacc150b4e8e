"""TCP and UDP ports: which are open, and what answers there."""
