"""Evidence is redacted, hashed as it is written, and never overwritten."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.sax import saxutils

import laboratory
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.observation import Artefact, Observation, to_plain
from devices.secrets import Secrets
from fixtures.evidence import EvidenceRecorder, EvidenceStore

PASSWORD = "s3cret/with+signs"


@dataclass(frozen=True, kw_only=True)
class Answer(Observation):
    body: bytes
    header: dict[str, str]


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    account = {"username": "root", "password": {"file": str(tmp_path / "password")}}
    found = Secrets(laboratory.device(accounts={"admin": account}))
    assert found.password("admin") == PASSWORD
    return found


@pytest.fixture
def store(tmp_path: Path, secrets: Secrets) -> EvidenceStore:
    return EvidenceStore(tmp_path / "run", secrets)


@pytest.mark.parametrize(
    "form",
    [
        PASSWORD,
        "s3cret%2Fwith%2Bsigns",
        base64.b64encode(PASSWORD.encode()).decode(),
        "Basic " + base64.b64encode(f"root:{PASSWORD}".encode()).decode(),
    ],
)
def test_every_form_of_a_secret_is_redacted(store: EvidenceStore, form: str) -> None:
    observation = Answer(
        body=f"<p>{form}</p>".encode(),
        header={"x": form},
        artefacts=(Artefact("wire.pcapng", "application/x-pcapng", form.encode()),),
    )
    for item in store.write_observation("CRED-001", "answer", observation):
        data = store.full_path(item).read_bytes()
        assert form.removeprefix("Basic ").encode() not in data
        assert item.sha256 == hashlib.sha256(data).hexdigest()
    plain = json.loads((store.full_path(item).parent / "answer.json").read_text())
    assert b"redacted" in base64.b64decode(plain["body"]["base64"])


WRITERS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": json.dumps,
    "JSON, not only ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON as PHP writes it": lambda text: json.dumps(text).replace("/", "\\/"),
    "XML": saxutils.escape,
    "XML attribute": saxutils.quoteattr,
    "XML, only ASCII": lambda text: (
        saxutils.escape(text).encode("ascii", "xmlcharrefreplace").decode()
    ),
    "HTML": html.escape,
    "form": lambda text: urllib.parse.urlencode({"x": text}),
    "URL": urllib.parse.quote,
    "URL, all quoted": lambda text: urllib.parse.quote(text, safe=""),
    "Python": repr,
    "Python bytes": lambda text: repr(text.encode()),
}


@given(secret=st.text(min_size=8), before=st.sampled_from(["", "'", '"', "'\"", "é"]))
@example(secret="o'neill\\' \"quoted\"", before="'\"")
@example(secret="line\nline\n", before="")
def test_a_secret_is_redacted_however_it_is_written(secret: str, before: str) -> None:
    found = Secrets(laboratory.device())
    found.remember("made up", secret)
    for how, write in WRITERS.items():
        assert "x[redacted:made up]x" in found.redact_text(write(f"{before}x{secret}x")), how


def test_bytes_that_are_no_text_may_be_a_secret() -> None:
    found = Secrets(laboratory.device())
    found.remember("made up", "caf\udce9-au-lait")
    assert found.redact(b"a caf\xe9-au-lait") == b"a [redacted:made up]"
    assert found.redact_text("a caf\udce9-au-lait, b \ud800") == "a [redacted:made up], b \\ud800"


def test_a_made_up_password_is_redacted_from_then_on(
    store: EvidenceStore, secrets: Secrets
) -> None:
    secrets.remember("made up", "Zx-made-up-9")
    item = store.write("G", "log", b"set Zx-made-up-9", "text/plain")
    assert store.full_path(item).read_bytes() == b"set [redacted:made up]"


def test_evidence_of_one_name_is_kept_beside_the_other(store: EvidenceStore) -> None:
    recorder = EvidenceRecorder(store, "STREAM-001")
    paths = {recorder.record("frame", bytes([n]), "image/png").path for n in range(3)}
    assert len(paths) == 3
    assert all(path.endswith(".png") for path in paths)


def test_a_resumed_run_does_not_overwrite(
    store: EvidenceStore, secrets: Secrets, tmp_path: Path
) -> None:
    first = store.write("A-001", "log", b"first", "text/plain")
    second = EvidenceStore(tmp_path / "run", secrets).write("A-001", "log", b"2", "text/plain")
    assert first.path != second.path
    assert store.full_path(first).read_bytes() == b"first"


@given(name=st.text(max_size=60))
def test_any_name_stays_inside_the_folder(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder = tmp_path_factory.mktemp("evidence")
    item = EvidenceStore(folder, Secrets(laboratory.device())).write("G", name, b"x", "text/plain")
    full = (folder / item.path).resolve()
    assert full.is_relative_to(folder.resolve() / "evidence" / "G")
    assert full.read_bytes() == b"x"


def test_a_shortfall_is_remembered(store: EvidenceStore) -> None:
    recorder = EvidenceRecorder(store, "A-001")
    recorder.observe(Answer(body=b"", header={}, shortfall="half of it"))
    assert recorder.shortfalls == ["answer: half of it"]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=12,
)


@given(json_like)
def test_to_plain_gives_json(value: object) -> None:
    json.dumps(to_plain(value))


def test_a_label_that_is_used_again_still_stands_for_its_first_secret() -> None:
    secrets = Secrets(laboratory.device())
    for value in ("session-abcdef", "session-uvwxyz"):
        secrets.remember("viewer.session", value)
    told = secrets.redact_text("session-abcdef and session-uvwxyz")
    assert told == "[redacted:viewer.session] and [redacted:viewer.session]"


def test_links_learn_secrets_at_the_same_time() -> None:
    secrets = Secrets(laboratory.device())
    values = [f"token-{number:05}" for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda value: secrets.remember("token", value), values))
    assert "token-0" not in secrets.redact_text(" ".join(values))
