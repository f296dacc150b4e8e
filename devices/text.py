"""Text that a camera supplied, made fit to be written."""

from __future__ import annotations


def utf8(text: str) -> bytes:
    r"""UTF-8 of any text; a lone surrogate, which UTF-8 cannot hold, becomes ``\udc80``."""
    return text.encode("utf-8", "backslashreplace")


def writable(text: str) -> str:
    """``text`` as :func:`utf8` writes it."""
    return utf8(text).decode("utf-8")
