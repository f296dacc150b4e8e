"""Addresses that may do something when they are merely asked for.

By RFC 9110 (9.2.1) GET changes nothing. Cameras are full of calls that do not know it:
``/reboot.cgi``, ``/set_users.cgi?user1=``, ``/cgi-bin/configManager.cgi?action=setConfig``. What an
address may do is told by its words; a wrong guess costs one question, the other way round a camera.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from urllib.parse import unquote

from devices.description import ApiResource

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LONGEST = 2048
"""Characters of an address that are looked at; a longer one is taken to act."""


def may_act(target: str) -> bool:
    """Whether asking for this path (and query) by GET might change the camera, or end a session."""
    if len(target) > _LONGEST:
        return True
    known, plain = _known(), _decoded(target)
    if _is_file(plain, known["assets"]):
        return False
    joined = re.sub(r"[_-]", "", plain.lower())
    if any(word in joined for word in known["anywhere"]):
        return True
    if _is_file(plain, known["pages"]):
        return False
    path, _, query = plain.partition("?")
    if any(_does(word) for word in _words(plain)):
        return True
    called = _words(plain) if is_program(path) else _words(query)
    return any(word.startswith(tuple(known["in_calls"])) for word in called)


def asked_safely(resource: ApiResource) -> bool:
    """Whether a declared resource is one that reads, as far as can be told."""
    return resource.method == "GET" and (resource.reads or not may_act(resource.path))


def is_program(target: str) -> bool:
    """Whether a program of its own answers there, to whatever verb: a CGI, a form's handler."""
    known, path = _known(), target.partition("?")[0].lower()
    *folders, name = path.split("/")
    return name.endswith(tuple(known["endings"])) or not known["folders"].isdisjoint(folders)


def may_take_nothing(target: str) -> bool:
    """Whether a body that says nothing might be obeyed there: fields that are missing set empty."""
    if may_act(target):
        return True
    name = target.partition("?")[0].rpartition("/")[2]
    words = _words(_decoded(name)) + _words(_decoded(target.partition("?")[2]))
    reads = any(word.startswith(tuple(_known()["reading"])) for word in words)
    return is_program(target) and not reads


def _is_file(plain: str, endings: frozenset[str]) -> bool:
    """Whether it is a file by its ending, with no program on the way and nothing asked of it."""
    passes = any(f"{e}{sign}" in plain.lower() for e in _known()["endings"] for sign in "/;")
    return plain.lower().endswith(tuple(endings)) and "?" not in plain and not passes


def _does(word: str) -> bool:
    known = _known()
    if word in known["harmless"]:
        return False
    return word in known["words"] or word.startswith(tuple(known["begins"]))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _decoded(target: str) -> str:
    for _ in range(2):  # an address may be encoded twice, and a lenient server decodes twice
        target = unquote(target, "latin-1")
    return target


@cache
def _known() -> Mapping[str, frozenset[str]]:
    text = files("devices.links.http").joinpath("acting.toml").read_text("utf-8")
    return {name: frozenset(words) for name, words in tomllib.loads(text).items()}
