"""How the camera starts, and how it takes an update."""
