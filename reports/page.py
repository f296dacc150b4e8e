"""The approval page: ``report/index.html``, one self-contained file for a regulator.

It loads nothing: styles, script, typeface and picture are inside, and a content security policy
allows those alone, by digest. Whatever a camera says is shown as text.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from reports.page_model import VERDICTS, Page, build_page
from reports.run_folder import read_run

FOLDER = "report"
FILE_NAME = "index.html"
_TEMPLATES = Path(__file__).parent / "templates"
_WORDS = {verdict: verdict.replace("_", " ").lower() for verdict in VERDICTS}


def render(folder: Path) -> Path:
    """Write ``folder/report/index.html`` in one step and return its path.

    Raises AssessmentError when the folder holds no readable assessment.
    """
    text = page_text(build_page(read_run(folder)))
    target = folder / FOLDER / FILE_NAME
    target.parent.mkdir(exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=".index-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
        Path(draft).chmod(0o644)
        Path(draft).replace(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return target


def page_text(page: Page) -> str:
    """The page as HTML."""
    style = _environment().get_template("page.css").render(page=page, fonts=_fonts())
    script = (_TEMPLATES / "page.js").read_text("utf-8")
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            run=page.run,
            assessment=page.run.assessment,
            style=Markup(style),  # noqa: S704 - our own file, rendered with escaping
            script=Markup(script),  # noqa: S704 - our own file, without variables
            policy=_policy(style, script),
            verdicts=VERDICTS,
        )
    )


def _policy(style: str, script: str) -> str:
    """A content security policy under which only our own style and script are applied."""
    return (
        f"default-src 'none'; img-src data:; font-src data:; style-src '{_csp_digest(style)}'; "
        f"script-src '{_csp_digest(script)}'; base-uri 'none'; form-action 'none'"
    )


def _csp_digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@cache
def _fonts() -> dict[str, str]:
    """The typeface (Inter, SIL Open Font License) in base64, by file name without suffix."""
    return {
        path.stem: base64.b64encode(path.read_bytes()).decode("ascii")
        for path in sorted(_TEMPLATES.glob("*.woff2"))
    }


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = lambda verdict: _WORDS.get(str(verdict), str(verdict))
    environment.filters["bytes"] = _bytes
    environment.filters["seconds"] = _seconds
    environment.filters["utc"] = lambda time: f"{time:%Y-%m-%d %H:%M:%S} UTC"
    return environment


def _visible(value: Any) -> Any:
    """Make control and direction-changing characters visible: a text must not hide another."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for letter in value.replace("\r\n", "\n")
    )


def _bytes(size: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 100 else f"{value:,.0f} s"
