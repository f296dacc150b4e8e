"""The emulated camera: real services on loopback, governed by one posture."""
