"""The camera's RTSP server."""
