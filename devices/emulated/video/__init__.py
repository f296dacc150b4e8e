"""What the camera sees, and its encoder."""
