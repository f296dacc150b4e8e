"""Who gets the declared media, part by part, and what published addresses give."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from devices.description import Stream
from devices.errors import LinkError
from devices.links.http.exchange import ANONYMOUS
from devices.links.rtsp.client import without_userinfo
from devices.links.web_media.addresses import shown, token_bits, with_other_token
from devices.links.web_media.asking import Asker, Got, Wish, at_first_media
from devices.links.web_media.clips import clip_paths
from devices.links.web_media.observations import (
    UNKNOWN,
    MediaAnswer,
    MediaPart,
    PlayedMedium,
    WebMedia,
)
from devices.links.web_media.playing import BY_CLOCK, declared_in_clear, play
from devices.links.web_media.senders import Account, Sender, unknown_user
from devices.observation import Artefact

CLIP_BYTES = 512
"""Bytes of a recording that a stranger asks for: what shows that it is one, and no footage."""
_LIST_BYTES = 64 * 1024
_BUSY = (429, 453, 503)
_ENOUGH = 3
"""Requests without an answer after which published addresses are left."""
_KEY_BYTES = 16
_PATIENCE, _PAUSE = 6, 1.0  # looks, and s between them, at a live stream that has not begun
_TOKEN_BITS = 64


@dataclass(frozen=True)
class PublishedMedium:
    """An address at which cameras are known to give video; ``container`` as in the device file."""

    path: str
    container: str


class MediaSurvey:
    """Plays media and asks for their parts, one request at a time."""

    def __init__(self, asker: Asker, account: Account | None, *, ask_unknown: bool = True) -> None:
        self._asker = asker
        self._account = account
        self._strangers = [Sender()]
        self._shortfalls: list[str] = []
        self._artefacts: list[Artefact] = []
        if ask_unknown:
            self._strangers.append(unknown_user())
        if account is not None:
            try:
                self._strangers += account.strangers()
            except LinkError as error:
                self._shortfalls.append(f"a session that is over: {error}")

    def take(
        self, streams: Sequence[Stream], published: Sequence[PublishedMedium], base: str
    ) -> WebMedia:
        """Survey the declared media and the published addresses below ``base`` (a URL or empty)."""
        played: list[PlayedMedium] = []
        answers: list[MediaAnswer] = []
        for stream in streams:
            one = self._played(stream)
            found = self._of_medium(stream, one)
            if self._gone(found):  # a live playlist has moved on in between
                one = self._played(stream)
                found = self._of_medium(stream, one)
            played.append(one)
            answers += found
        paths = {urlsplit(stream.url).path for stream in streams}
        others = [p for p in published if p.path.partition("?")[0] not in paths]
        return WebMedia(
            played=tuple(played),
            answers=tuple(answers),
            published=tuple(self._published(others, base) if base else ()),
            shortfall="; ".join(self._shortfalls[:5]),
            artefacts=tuple(self._artefacts),
        )

    def _gone(self, answers: Sequence[MediaAnswer]) -> bool:
        """Whether a part is not there any more even for who has an account."""
        own = self._sender().name
        kept = [a.exchange for a in answers if a.exchange is not None and a.sender == own]
        return any(exchange.status in (404, 410) for exchange in kept)

    def _sender(self) -> Sender:
        return self._account.sender() if self._account is not None else Sender()

    def _played(self, stream: Stream) -> PlayedMedium:
        """Play a medium; once more where the session, or the camera's patience, had an end."""
        one, png = play(self._asker, stream, self._sender())
        turned_away = one.outcome == "refused" and one.status in (401, 403, *_BUSY)
        if turned_away or one.outcome in ("failed", "silent"):
            sender = self._sender()
            if self._account is not None and self._account.has_session:
                try:
                    sender = self._account.renew()
                except LinkError as error:
                    self._shortfalls.append(f"{stream.name}: {error}")
            one, png = play(self._asker, stream, sender)
        one, png = self._once_it_has_begun(stream, one, png)
        if one.outcome == "refused" and one.cause == BY_CLOCK:
            one = replace(one, outcome="not-measured", cause="not-measured")
        if one.outcome == "refused" and one.status in _BUSY:
            one = replace(one, outcome="failed", cause="busy")
        if png:
            self._artefacts.append(Artefact(f"{stream.name}.png", "image/png", png))
        return one

    def _once_it_has_begun(
        self, stream: Stream, one: PlayedMedium, png: bytes
    ) -> tuple[PlayedMedium, bytes]:
        """Segments are made when somebody asks for them: the first may take seconds."""
        pause = threading.Event()
        for _ in range(_PATIENCE if stream.web_container in ("hls", "dash") else 0):
            waiting = one.outcome == "refused" and one.status in (404, *_BUSY)
            if not waiting and one.outcome != "silent":
                break
            pause.wait(_PAUSE)
            one, png = play(self._asker, stream, self._sender())
        return one, png

    def _of_medium(self, stream: Stream, one: PlayedMedium) -> list[MediaAnswer]:
        parts = {part.part: part for part in one.parts}
        parts.setdefault(
            "itself", MediaPart("itself", shown(stream.url), without_userinfo(stream.url))
        )
        if one.encrypted:  # it is the key that keeps them
            parts.pop("segment", None)
        answers: list[MediaAnswer] = []
        for part in parts.values():
            for stranger in self._strangers:
                if stranger.name != UNKNOWN or part.part == "itself":
                    answers += self._answer(stream, one, part, replace(stranger))
            if stream.web_container == "websocket" and self._account is not None:
                foreign = self._account.from_elsewhere()
                if foreign is not None:
                    answers += self._answer(stream, one, part, foreign)
            if self._account is not None:
                answers += self._answer(stream, one, part, self._sender())
        return answers

    def _answer(
        self, stream: Stream, one: PlayedMedium, part: MediaPart, sender: Sender
    ) -> list[MediaAnswer]:
        """The answer, as a list of one; empty, and a shortfall, when there is none."""
        wish = wish_for(stream, part)
        try:
            got = self._asker.follow(wish, sender)
        except LinkError as error:
            if error.cause == "unreachable" and sender.name != self._sender().name:
                return [answer_of(stream.name, part, sender, None)]  # it hangs up on strangers
            self._shortfalls.append(f"{stream.name}, {part.part}, {sender.name}: {error}")
            return []
        answer = answer_of(stream.name, part, sender, got, one.listed)
        if answer.media and sender.name == ANONYMOUS and answer.token_bits >= _TOKEN_BITS:
            answer = self._with_another_token(answer, wish, stream, part)
        return [answer]

    def _with_another_token(
        self, answer: MediaAnswer, wish: Wish, stream: Stream, part: MediaPart
    ) -> MediaAnswer:
        try:
            got = self._asker.ask(replace(wish, url=with_other_token(wish.url)), Sender())
        except LinkError:
            return answer
        other = answer_of(stream.name, part, Sender(), got)
        return replace(answer, token_checked=not other.media and not other.upgraded)

    def _published(self, paths: Sequence[PublishedMedium], base: str) -> list[MediaAnswer]:
        found: list[MediaAnswer] = []
        unanswered: list[str] = []
        senders = [Sender()] + ([self._sender()] if self._account is not None else [])
        for known in paths:
            for sender in senders:
                try:
                    found.append(ask_published(self._asker.follow, known, base, sender))
                except LinkError as error:
                    unanswered.append(f"{known.path}: {error}")
            if len(unanswered) >= _ENOUGH:
                unanswered.append("the other published addresses were not asked")
                break
        self._shortfalls += unanswered
        return found


def ask_published(
    ask: Callable[[Wish, Sender], Got], known: PublishedMedium, base: str, sender: Sender
) -> MediaAnswer:
    """Ask for a published address below ``base`` (scheme and authority). Raises LinkError.

    ``ask`` is that of an Asker, or its ``follow`` where redirects lead to what is asked about.
    """
    if known.container == "websocket":
        base = "ws" + base.removeprefix("http")
    part = MediaPart("itself", base + known.path)
    few = CLIP_BYTES if known.container == "clip" else 0
    return answer_of("", part, sender, ask(Wish(part.whole, few=few), sender))


def wish_for(stream: Stream, part: MediaPart) -> Wish:
    """What to ask for to see whether a part of a medium is given; no more than that."""
    declared = declared_in_clear(stream, part.whole)
    if part.part == "itself" and stream.web_container == "clip":
        return Wish(part.whole, _LIST_BYTES, at_first_media, declared=declared)
    few = CLIP_BYTES if part.part == "clip" else 0
    return Wish(
        part.whole,
        limit=few or Wish.limit,
        few=few,
        declared=declared,
        subprotocol=stream.subprotocol or "",
        first_message=(stream.first_message or "").encode(),
    )


def answer_of(
    medium: str,
    part: MediaPart,
    sender: Sender,
    got: Got | None,
    listed: Sequence[str] = (),
) -> MediaAnswer:
    """What an answer says of a part; None for a camera that hung up.

    ``listed`` are the paths of recordings that an account was shown: an answer with one of them
    is the list, and one with other addresses may be any page.
    """
    answer = MediaAnswer(medium=medium, part=part.part, sender=sender.name, exchange=None)
    if got is None:
        return answer
    word = got.media
    if not word and got.exchange.succeeded:
        if part.part == "key" and len(got.data) == _KEY_BYTES:
            word = "key"
        elif part.part == "itself" and set(listed) & set(clip_paths(got.exchange)):
            word = "clip-list"
    return replace(
        answer,
        exchange=got.exchange,
        media=word,
        upgraded=got.upgraded,
        token_bits=token_bits(part.whole),
    )
