"""What all tests share: how long hypothesis looks. HYPOTHESIS_PROFILE: thorough is the size of CI, deep the nightly."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("default", derandomize=True, max_examples=30, deadline=None)
settings.register_profile("thorough", derandomize=True, max_examples=60, deadline=None)
settings.register_profile("deep", derandomize=False, max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))  # noqa: TID251 - tests have no settings of ours
