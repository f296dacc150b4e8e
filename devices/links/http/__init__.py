"""The web interface: requests as the device file describes them, and what they show."""
