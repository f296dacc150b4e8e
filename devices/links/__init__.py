"""One module for each way to reach a camera; each returns observations."""
