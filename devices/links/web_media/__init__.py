"""Video of a camera's web server: MJPEG, HLS, DASH, WebSocket and recorded clips."""
