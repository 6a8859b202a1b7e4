"""Certificates for tests, as the files a company would have."""

from __future__ import annotations

from pathlib import Path

import trustme


def put(folder: Path, certificate: trustme.LeafCert, name: str = "telas") -> tuple[Path, Path]:
    """A certificate and its key as files."""
    files = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.cert_chain_pems[0].write_to_path(files[0])
    certificate.private_key_pem.write_to_path(files[1])
    return files
