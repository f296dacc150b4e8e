"""What the RTSP link hands upward: facts about streams, endpoints, logins and keys."""

from __future__ import annotations

from dataclasses import dataclass

from devices.links.rtsp.beside import BesideVideo
from devices.observation import Observation


@dataclass(frozen=True)
class WireFacts:
    """What an observer of the network has of a stream.

    ``carrier`` is ``tls``, ``tcp`` or ``udp``. ``packets`` counts RTP packets that were found,
    ``video_share`` how many of them (0 to 1) hold well-formed H.264 or H.265, ``nal_units`` what
    was put together from them; ``jpeg_frames`` are frames of RFC 2435 and JPEG files.
    ``parameter_sets``: how many of the stream's own VPS, SPS and PPS stand in the bytes as they
    are. ``payload_bytes`` were examined; for ciphertext ``entropy`` is close to 8 bits and
    ``chi_square`` (256 classes) to 255 with a standard deviation of 23.
    """

    carrier: str
    payload_bytes: int
    packets: int
    video_share: float
    nal_units: int
    entropy: float
    chi_square: float
    jpeg_frames: int = 0
    parameter_sets: int = 0


@dataclass(frozen=True)
class CitedFrames:
    """The frames of a capture that the wire facts rest on, numbered from 1 as Wireshark does.

    ``file`` is the artefact's name, ``frames`` how many it holds; ``first`` to ``last`` were
    examined; ``readable`` is the first with video that can be read, 0 when none is.
    """

    file: str
    frames: int
    first: int
    last: int
    readable: int


@dataclass(frozen=True)
class SrtpFacts:
    """The SRTP protection of a stream.

    ``suite`` is the registered or a descriptive name, ``fingerprint`` a digest that tells keys
    apart. ``key_exchange`` is mikey or sdes. ``verified`` packets passed the tag check with these
    keys (every packet does when ``tag_bytes`` is 0), ``failed`` did not.
    """

    suite: str
    cipher: str
    key_bits: int
    tag_bits: int
    key_exchange: str
    fingerprint: str
    verified: int
    failed: int


@dataclass(frozen=True)
class DecodedPictures:
    """What OpenCV decoded; see :class:`devices.links.rtsp.picture.Pictures` for the measures.

    The others are those of :class:`devices.links.rtsp.liveliness.Liveliness`, and ``frame_rate``,
    pictures per second by the camera's own RTP timestamps (0: too few to say).
    """

    frames: int
    width: int
    height: int
    movement: float
    contrast: float
    changing: float = 1.0
    noise: float = 0.0
    correlation: float = 0.0
    period: int = 0
    frame_rate: float = 0.0


@dataclass(frozen=True)
class PlayedStream:
    """One declared stream over one transport.

    ``outcome``: ``played`` (media came), ``silent`` (PLAY succeeded, no media came), ``refused``
    (the camera answered ``status`` instead of setting it up), ``failed`` (``cause`` and ``reason``
    say why it could not be tried), ``not-measured`` (what this link does not play). ``declared``:
    whether the device file lists the transport. ``codec`` is that of the session description, as
    the device file calls it. ``agreed`` is the transport that SETUP agreed (``RTP/SAVPF/UDP``),
    ``redirected`` the address that the camera sent its client to. ``parameter_sets`` are digests of
    the VPS and SPS that the stream itself carries; ``described_in_clear``: the description came
    outside TLS with parameter sets in it.
    """

    name: str
    url: str
    transport: str
    declared: bool
    outcome: str
    status: int = 0
    cause: str = ""
    reason: str = ""
    tls_version: str = ""
    codec: str = ""
    packets: int = 0
    lost: int = 0
    malformed: int = 0
    nal_units: int = 0
    pictures: DecodedPictures | None = None
    wire: WireFacts | None = None
    cited: CitedFrames | None = None
    srtp: SrtpFacts | None = None
    agreed: str = ""
    redirected: str = ""
    parameter_sets: tuple[str, ...] = ()
    described_in_clear: bool = False
    beside: BesideVideo | None = None


@dataclass(frozen=True, kw_only=True)
class PlayedStreams(Observation):
    """Every declared stream over its declared transports, and over plain UDP besides.

    ``recorded``: how the bytes on the network were recorded, and why so.
    """

    streams: tuple[PlayedStream, ...]
    recorded: str = ""


@dataclass(frozen=True)
class OfferedChallenge:
    """One challenge of a 401: scheme and algorithm in upper case, algorithm empty for Basic."""

    scheme: str
    algorithm: str
    realm: str


@dataclass(frozen=True)
class PathAnswer:
    """The answer to one request without a proved login.

    ``described`` says that a session description with video came back; ``transport`` is the one
    asked for in SETUP, a word of the device file.
    """

    url: str
    method: str
    login: str
    status: int
    described: bool
    challenges: tuple[OfferedChallenge, ...] = ()
    transport: str = ""


@dataclass(frozen=True, kw_only=True)
class AnonymousAnswers(Observation):
    """What the camera answers to who has no account, on declared and on published paths.

    ``login`` of each answer: ``none``, or ``unknown user``.
    """

    answers: tuple[PathAnswer, ...]


@dataclass(frozen=True)
class RtspEndpoint:
    """One port asked for its RTSP options. ``speaks_rtsp`` without TLS is media in the clear.

    ``problem`` says why there is no answer: ``unreachable``, ``timeout``, ``garbled``.
    """

    host: str
    port: int
    encrypted: bool
    declared: bool
    speaks_rtsp: bool
    status: int = 0
    server: str = ""
    methods: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class RtspEndpoints(Observation):
    """The endpoints of declared streams and RTSP services, and the usual ports.

    With TLS where it is declared, and every port without.
    """

    endpoints: tuple[RtspEndpoint, ...]


@dataclass(frozen=True)
class OfferedKey:
    """SRTP key material in one session description, by its fingerprint.

    ``session`` counts the descriptions; ``confidential``: it came inside TLS.
    """

    session: int
    url: str
    key_exchange: str
    suite: str
    cipher: str
    key_bits: int
    tag_bits: int
    fingerprint: str
    confidential: bool


@dataclass(frozen=True, kw_only=True)
class RtspKeying(Observation):
    """The SRTP keys that the camera handed out, in the order of the sessions asked for.

    ``descriptions`` counts the session descriptions looked at.
    """

    descriptions: int
    keys: tuple[OfferedKey, ...]


@dataclass(frozen=True, kw_only=True)
class ReplayedLogin(Observation):
    """A recorded, successful request sent again byte for byte.

    ``scheme`` of the login (digest, basic); ``elsewhere`` is the status on a new connection,
    ``same`` that on the connection of the original, 0 when the camera closed it.
    """

    url: str
    scheme: str
    original: int
    elsewhere: int
    same: int


@dataclass(frozen=True)
class LoginAttempt:
    """One try with one user name and password (which is not kept). ``label`` names the pair."""

    label: str
    username: str
    status: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class LoginAttempts(Observation):
    """Logins tried one after the other on one stream; ``url`` is what was described.

    ``made_up_accepted``: a user name and password that cannot exist were accepted as well.
    """

    url: str
    made_up_accepted: bool
    attempts: tuple[LoginAttempt, ...]


@dataclass(frozen=True, kw_only=True)
class GuessingAnswer(Observation):
    """What wrong passwords led to.

    ``before``, ``after``: status with the right password before and after the wrong ones; 200
    means logged in. ``wrong`` are the wrong attempts; ``seconds`` all of them took together.
    """

    url: str
    username: str
    before: int
    wrong: tuple[LoginAttempt, ...]
    after: int
    seconds: float
