"""Certificates, certificates of origin, SBOM."""
