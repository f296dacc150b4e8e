"""Random passwords for users that a test makes, and for changes that it tries."""

from __future__ import annotations

import secrets as random
import string

LENGTH = 16
"""Characters: what most cameras take at the most, and no policy asks for more."""

KINDS = {
    "small letters": string.ascii_lowercase,
    "capital letters": string.ascii_uppercase,
    "digits": string.digits,
    "others": "-_.+=",  # that no camera, address, form or XML has a use of its own for
}
"""The kinds of character, in the words of the policies."""


def strong_password(length: int = LENGTH, *, without: str = "") -> str:
    """A random password of every kind of character but ``without``, a letter first."""
    kinds = [text for kind, text in KINDS.items() if kind != without]
    while True:
        password = "".join(random.choice("".join(kinds)) for _ in range(length))
        if password[0].isalpha() and all(set(password) & set(kind) for kind in kinds):
            return password
