"""The removable medium that a camera records on: what can be read from it without a key."""
