"""SOAP envelopes and faults as ONVIF uses them (SOAP 1.2, W3C 2007; 1.1 is understood too).

Sans-io: bytes in, elements out. What comes from the network is parsed without DTDs or entities and
matched by local name, because cameras in the field disagree on prefixes and on namespaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET  # only builds and serialises; parsing is defusedxml's
from xml.etree.ElementTree import Element

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from devices.errors import Garbled

MAX_BYTES = 2 * 1024 * 1024
"""Longest message that is parsed."""

CONTENT_TYPE = "application/soap+xml; charset=utf-8"

SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
NAMESPACES = {
    "s": SOAP12,
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tas": "http://www.onvif.org/ver10/advancedsecurity/wsdl",
    "trc": "http://www.onvif.org/ver10/recording/wsdl",
    "trp": "http://www.onvif.org/ver10/replay/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
    "ter": "http://www.onvif.org/ver10/error",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "wstop": "http://docs.oasis-open.org/wsn/t-1",
    "tns1": "http://www.onvif.org/ver10/topics",
}
"""Prefix -> namespace of everything that is written here."""

_REFUSING_CODE = re.compile(
    r"(?i)not_?authori[sz]ed|unauthori[sz]ed|failed_?authentication|authentication_?fail"
    r"|^InvalidSecurity(?:Token)?$|^SecurityTokenUnavailable$|^UnsupportedSecurityToken$"
    r"|^MessageExpired$|^FailedCheck$|access_?denied|permission_?denied"
)
_REFUSING = re.compile(
    r"(?i)not\s*authori[sz]ed|unauthori[sz]ed|authority failure"
    r"|authenticat\w+\b.{0,20}(?:fail|error|required|invalid)|fail\w*\b.{0,20}authenticat"
    r"|(?:access|permission) (?:is )?denied|(?:no|insufficient) (?:permission|privilege|right)s?"
    r"|(?:wrong|invalid|incorrect|bad) (?:user ?name|password|credential)|log ?in required"
)

for _prefix, _uri in NAMESPACES.items():
    ET.register_namespace(_prefix, _uri)


@dataclass(frozen=True)
class Envelope:
    """A parsed message: header blocks, and the first element of the body (None if empty)."""

    version: str  # "1.1" | "1.2"
    header: tuple[Element, ...]
    body: Element | None


@dataclass(frozen=True)
class Fault:
    """A SOAP fault. ``codes`` are local names from the outermost code inward.

    ``("Sender", "NotAuthorized")``; SOAP 1.1's Client and Server become Sender and Receiver.
    """

    codes: tuple[str, ...]
    reason: str = ""

    @property
    def not_authorised(self) -> bool:
        """Whether the device refuses for want of authentication or of rights.

        ONVIF Core, 5.8.2.4 names ter:NotAuthorized; cameras also answer with the codes of
        WS-Security (section 12), with codes of their own make and with a sentence alone.
        """
        if any(_REFUSING_CODE.search(code) for code in self.codes):
            return True
        return set(self.codes) <= {"Sender", "Receiver"} and bool(_REFUSING.search(self.reason))


def element(name: str, *content: Element | str, **attributes: str) -> Element:
    """Make ``<prefix:name>``; strings become its text, elements its children."""
    made = Element(qualified(name), attributes)
    for part in content:
        if isinstance(part, str):
            made.text = part
        else:
            made.append(part)
    return made


def qualified(name: str) -> str:
    """``tds:GetUsers`` as ``{namespace}GetUsers``; a name without prefix stays as it is."""
    prefix, colon, local_name = name.rpartition(":")
    return f"{{{NAMESPACES[prefix]}}}{local_name}" if colon else name


def envelope(body: Element, header: Iterable[Element] = ()) -> bytes:
    """Serialise a SOAP 1.2 envelope."""
    root = element("s:Envelope")
    blocks = list(header)
    if blocks:
        root.append(element("s:Header", *blocks))
    root.append(element("s:Body", body))
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def fault(code: str, subcodes: Iterable[str], reason: str) -> bytes:
    """Serialise a fault: ``code`` is Sender or Receiver, subcodes are names of ONVIF (``ter``)."""
    innermost: Element | None = None
    for name in reversed(list(subcodes)):
        # ElementTree writes no qualified names as text: the prefix is declared by hand.
        value = element("s:Value", f"ter:{name}")
        value.set("xmlns:ter", NAMESPACES["ter"])
        innermost = element("s:Subcode", value, *([] if innermost is None else [innermost]))
    outer = element("s:Value", f"s:{code}")
    text = element("s:Text", reason)
    text.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    return envelope(
        element(
            "s:Fault",
            element("s:Code", outer, *([] if innermost is None else [innermost])),
            element("s:Reason", text),
        )
    )


def element_tree(data: bytes) -> Element:
    """Parse any XML document; no DTD is taken. Raises Garbled, also when it is too long."""
    if len(data) > MAX_BYTES:
        raise Garbled(f"an XML document of more than {MAX_BYTES} bytes")
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Garbled(f"not well-formed XML: {error}") from error
    return root


def parse(data: bytes) -> Envelope:
    """Parse a message. Raises Garbled when it is not a SOAP envelope, or too long."""
    root = element_tree(data)
    if local(root) != "Envelope":
        raise Garbled(f"not a SOAP envelope: the root element is {local(root)}")
    body = child(root, "Body")
    if body is None:
        raise Garbled("a SOAP envelope without a body")
    header = child(root, "Header")
    version = "1.1" if root.tag.startswith(f"{{{SOAP11}}}") else "1.2"
    return Envelope(version, tuple(header if header is not None else ()), next(iter(body), None))


def fault_of(message: Envelope) -> Fault | None:
    """The fault that a message carries, if it is one."""
    body = message.body
    if body is None or local(body) != "Fault":
        return None
    if message.version == "1.1" or child(body, "faultcode") is not None:
        outer = {"Client": "Sender", "Server": "Receiver"}
        written = text(body, "faultcode")
        parts = re.split(r"[.:]", written.partition(":")[2] or written)
        codes = tuple(outer.get(part, part) for part in parts if part)
        return Fault(codes, text(body, "faultstring"))
    return Fault(tuple(_codes(child(body, "Code"))), text(body, "Reason", "Text"))


def _codes(code: Element | None) -> Iterator[str]:
    while code is not None:
        yield text(code, "Value").rpartition(":")[2]
        code = child(code, "Subcode")


def local(node: Element) -> str:
    """An element's name without its namespace."""
    return str(node.tag).rpartition("}")[2]


def namespace(node: Element) -> str:
    """An element's namespace, empty when it has none."""
    return str(node.tag).rpartition("}")[0].lstrip("{")


def child(node: Element, *names: str) -> Element | None:
    """Follow local names downwards; None when one is missing."""
    found: Element | None = node
    for name in names:
        found = next((c for c in found if local(c) == name), None) if found is not None else None
    return found


def children(node: Element, name: str) -> list[Element]:
    """All children of this local name."""
    return [c for c in node if local(c) == name]


def text(node: Element, *names: str) -> str:
    """The stripped text at the end of a path of local names; empty when there is none."""
    found = child(node, *names)
    return (found.text or "").strip() if found is not None else ""
