"""What all tests share: how long hypothesis looks, and whom TLS trusts.

HYPOTHESIS_PROFILE: thorough is the size of CI, deep the nightly.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import trustme
from hypothesis import settings

settings.register_profile("default", derandomize=True, max_examples=20, deadline=None)
settings.register_profile("thorough", derandomize=True, max_examples=60, deadline=None)
settings.register_profile("deep", derandomize=False, max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))  # noqa: TID251 - tests have no settings of ours


@pytest.fixture(scope="session", autouse=True)
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust one certificate authority instead of the system's: loading those at each connection is dear."""
    path = tmp_path_factory.mktemp("authority") / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        yield
