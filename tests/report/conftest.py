"""Every test of the report draws with matplotlib's own defaults, whatever ran before it."""

import importlib.util
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def plain_pictures() -> Iterator[None]:
    if importlib.util.find_spec("matplotlib") is None:
        yield
        return
    import matplotlib

    matplotlib.use("Agg")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield
