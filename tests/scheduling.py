"""The order in which workers take tests: some from those that wait for servers, some from those that compute."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController

#: One worker of so many begins with the unit tests, which come last.
FROM_THE_END = 3


class BothEnds(LoadGroupScheduling):  # type: ignore[misc] # xdist has no types
    """Hands out the tests from both ends of the list, so that processors are busy while other tests wait.

    In the order of collection all workers would wait for servers first, and all compute later.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self.nodes.index(node) % FROM_THE_END == FROM_THE_END - 1:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests in terminals, which take longest, before all others; the order is kept otherwise."""
    items.sort(key=lambda item: item.get_closest_marker("terminal") is None)
