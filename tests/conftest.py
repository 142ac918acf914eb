"""How hard the property tests try: `quick` on every run, `deep` before a release.

`pytest` draws the same few examples every time; `pytest -m deep --hypothesis-profile=deep` draws
many, and new ones each time.
"""

from hypothesis import HealthCheck, settings

# the time an example takes says more about the machine than about the code
settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True)
settings.register_profile(
    "deep",
    max_examples=2_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("quick")
