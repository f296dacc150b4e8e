"""RTSP: a reference client of our own, what it plays, and what was on the wire."""
