"""What holds for all tests."""

from hypothesis import settings

# How long an example takes says more of how busy a machine is than of the code.
settings.register_profile("unhurried", parent=settings(), deadline=None)
settings.load_profile("unhurried")
