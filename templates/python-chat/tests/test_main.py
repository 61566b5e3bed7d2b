import unittest

from . import run
from main import answer, sampler, wanted  # isort: skip
from inferlet import Context, Model


class Conversation(unittest.TestCase):
    def test_a_message_is_said_without_the_spaces_around_it(self) -> None:
        self.assertEqual(wanted(" Hello there\n"), "Hello there")
        self.assertEqual(wanted(" \n"), "")

    def test_the_conversation_ends_on_request(self) -> None:
        self.assertIsNone(wanted("/quit"))
        self.assertIsNone(wanted("/exit\n"))
        self.assertEqual(wanted("/quit now"), "/quit now")

    def test_an_answer_leaves_the_context_ready_for_the_next_question(self) -> None:
        ctx = Context(Model.load("default"))
        run(answer(ctx, "Hello!", sampler(0), max_tokens=4))
        run(answer(ctx, "And now?", sampler(0), max_tokens=4))
