"""Pages that ask for proof that somebody is no machine."""

from __future__ import annotations

import re

from devices.links.http.exchange import Exchange

_WORDS = re.compile(
    rb"(?i)captcha|turnstile|rand[_-]?code|"
    rb"(?:verif(?:y|ication)|validat(?:e|ion)|security|image|check)[-_ ]?code|"
    + "验证码|校验码|mã xác (?:nhận|minh)".encode()
)


def captcha_word(answer: Exchange) -> str:
    """What of an answer speaks of a picture to read, or of another such proof; empty elsewhere."""
    found = _WORDS.search(answer.content)
    return found[0].decode("utf-8", "replace") if found else ""
