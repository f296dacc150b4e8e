"""SSH: what the server offers, and what a shell shows of the camera."""
