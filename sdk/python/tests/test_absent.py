"""What Python has elsewhere and an inferlet has not."""

import os
import signal
import socket
import unittest
from pathlib import Path

from inferlet import absent, lasting


def raised(call):
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


class Absent(unittest.TestCase):
    def test_a_module_that_is_missing_is_told_with_what_does_without(self):
        for name, part in [
            ("_ssl", "`https`"),
            ("multiprocessing.pool", "no processes"),
            ("concurrent.futures.process", "no processes"),
            ("_curses", "`_curses` is a part of Python's library"),
            ("nowhere", "`nowhere` is in none of these"),
        ]:
            self.assertIn(part, absent.instead(ModuleNotFoundError(name=name)) or "", name)
        self.assertIsNone(absent.instead(ImportError("cannot import name `x`", name="nowhere")))

    def test_an_attribute_that_is_missing_counts_if_it_is_the_systems(self):
        self.assertEqual(absent.instead(raised(lambda: os.spawnnothing)), absent.PROCESSES)
        self.assertIn("asyncio.timeout", absent.instead(raised(lambda: signal.nothing)) or "")
        self.assertIsNone(absent.instead(raised(lambda: os.nothing)))
        self.assertIsNone(absent.instead(raised(lambda: socket.nothing)))

    def test_an_error_of_the_system_counts_where_the_library_raises_it(self):
        refused = raised(lambda: socket.create_connection(("127.0.0.1", 1)))
        self.assertEqual(absent.instead(refused), absent.SOCKETS)
        self.assertIsNone(absent.instead(raised(lambda: Path("/nowhere").read_text())))
        self.assertIsNone(absent.instead(OSError("a program's own")))
        self.assertEqual(absent.instead(RuntimeError("can't start new thread")), absent.THREADS)
        self.assertIsNone(absent.instead(RuntimeError("another")))


class Lasting(unittest.TestCase):
    def test_outside_of_a_component_nothing_is_made_immortal(self):
        thing = [object()]
        lasting.settle()
        del thing[0]
        self.assertEqual(thing, [])
