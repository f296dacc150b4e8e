"""The bench around a camera: power, console, processes, its device file."""
