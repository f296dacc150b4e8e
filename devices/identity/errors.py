"""What can be wrong with the papers and certificates of a camera.

    PaperError                  a paper that cannot be read as what it should be
      CertificateError          not an X.509 certificate
      OriginCertificateError    not a certificate of origin or quality in a known form
      SbomError                 not a software bill of materials in a known form
      PackageDatabaseError      not a package database in a known form

The message says what is wrong, in words for people. All are facts about the paper, so a test
case decides what follows from them.
"""

from __future__ import annotations


class PaperError(ValueError):
    """Root of this tree."""


class CertificateError(PaperError):
    """The bytes are not a certificate, or one that X.509 does not allow."""


class OriginCertificateError(PaperError):
    """The document is not a certificate of origin or quality in a known form."""


class SbomError(PaperError):
    """The document is not a software bill of materials in a known form."""


class PackageDatabaseError(PaperError):
    """The text is not a package database in a known form."""
