import unittest

from . import run  # noqa: F401
from main import TICKET, is_urgent  # isort: skip


class Tickets(unittest.TestCase):
    def test_what_can_be_seen_again_and_is_bad_is_urgent(self) -> None:
        ticket = {"title": "oven", "severity": "high", "reproducible": True}
        self.assertTrue(is_urgent(ticket))
        self.assertFalse(is_urgent({**ticket, "severity": "low"}))

    def test_a_ticket_has_all_that_is_looked_at(self) -> None:
        self.assertLessEqual({"severity", "reproducible"}, set(TICKET["required"]))
