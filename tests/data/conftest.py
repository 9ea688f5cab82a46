import pytest


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    """A store of the test's own."""
    monkeypatch.setenv("PLAYGROUND_STORE", str(tmp_path / "store"))
    return tmp_path / "store"
