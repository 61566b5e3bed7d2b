import unittest

from . import run
from main import main, question  # isort: skip


class Greeting(unittest.TestCase):
    def test_the_question_names_the_person(self) -> None:
        self.assertIn("Ada", question("Ada"))

    def test_the_answer_is_a_text(self) -> None:
        self.assertIsInstance(run(main("Ada", max_tokens=8)), str)
