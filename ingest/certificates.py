"""Certificates in use and when they end: our own for stations, and those stations log in with."""

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509


class Certificate(NamedTuple):
    """Whose it is, who has signed it, and its last instant."""

    subject: str
    issuer: str
    not_after: datetime


def of_file(path: str) -> Certificate:
    """The first of a PEM file, which is the server's own. Raises ValueError, OSError."""
    found = x509.load_pem_x509_certificates(Path(path).read_bytes())[0]
    return Certificate(
        found.subject.rfc4514_string(), found.issuer.rfc4514_string(), found.not_valid_after_utc
    )


def of_peer(told: Mapping[str, Any]) -> Certificate:
    """What `ssl` says of the other side's."""
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC)
    return Certificate(_name(told["subject"]), _name(told["issuer"]), ends)


def _name(parts: Any) -> str:
    return ",".join(f"{SHORT.get(key, key)}={value}" for part in parts for key, value in part)


SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
}
