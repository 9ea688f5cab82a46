"""One job of a worker process, as a visitor's session holds it."""

from collections.abc import Callable
from typing import Any

from playground.ui.rerun import session_name
from playground.work.client import Client


class Slot:
    """A job of one kind for the question on screen: another question ends it and begins anew.

    Attributes:
        report: the newest one; None until there is one.
        stopped: whether it was ended before its end.
    """

    def __init__(self, kind: str, client: Callable[[], Client]):
        self.kind, self._client = kind, client
        self.asked: dict[str, Any] | None = None
        self.job: str | None = None
        self.report: dict[str, Any] | None = None
        self.stopped = False

    @property
    def running(self) -> bool:
        return self.job is not None

    def want(self, **fields: Any) -> None:
        """Begin with these fields, unless that has been done.

        Raises:
            ValueError: the worker refuses; one sentence says why.
        """
        if self.asked != fields:
            self.stop()
            self.asked, self.report, self.stopped = fields, None, False
            self.job = self._client().ask("open", kind=self.kind, visitor=session_name(), **fields)["job"]

    def poll(self) -> dict[str, Any] | None:
        """The newest report; a job that was lost says so.

        Raises:
            ValueError: the worker is lost.
        """
        if self.job is not None:
            try:
                report = self._client().ask("poll", job=self.job)
            except ValueError:
                self.job, self.asked = None, None
                raise
            if report.get("gone"):
                self.job, self.stopped = None, True
            else:
                self.report = report
                self.job = None if report["done"] else self.job
        return self.report

    def stop(self) -> None:
        """End it where it is."""
        if self.job is not None:
            job, self.job, self.stopped = self.job, None, True
            self._client().ask("stop", job=job)

    def again(self) -> None:
        """Forget that it was done; the next run of the page begins it anew."""
        self.stop()
        self.asked, self.report = None, None
