"""The serial console: what it prints is kept from the start on, and it can be typed at."""
