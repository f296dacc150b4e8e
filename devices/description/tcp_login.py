"""A login of a maker's own on a TCP port, by lines or JSON, described step by step."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from devices.description.parts import Part, Port


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]


class TcpStep(Part):
    """One thing that the client sends, after what it waits for."""

    wait: Pattern = Field(
        "", description="regular expression that the camera's text has to match first"
    )
    send: str = Field(description="text with {username} and {password}, line end included")


class TcpLogin(Part):
    """How one logs in on a TCP port: prompts and lines, or JSON in lines.

    Logins in binary frames, or with a hash of the password, are not described so.
    """

    port: Port
    host: str | None = Field(None, description="default: the host of the links")
    encrypted: bool = Field(default=False, description="inside TLS, whatever its certificate")
    steps: list[TcpStep] = Field(min_length=1, max_length=8)
    form: Literal["text", "json"] = Field(
        "text", description="json: name and password are escaped for a JSON string"
    )
    accepted: Pattern = Field(description="what the answer to a right login matches")
    refused: Pattern = Field(description="what the answer to a wrong login, or a lock, matches")
