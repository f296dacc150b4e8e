"""A BusyBox-like shell over the camera's root file system."""
