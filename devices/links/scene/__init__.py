"""The scene challenge: what the lens is shown, and which pictures of the camera show it."""
