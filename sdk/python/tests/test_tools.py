import asyncio
import json
from typing import Literal

from inferlet import GrammarConstraint, Model, Sampler, Tools, chat, docs, reasoning, tool, tools

from .support import Case, context, run, token_of


@tool
async def weather(city: str, unit: Literal["celsius", "kelvin"] = "celsius") -> dict:
    """Current weather in a city.

    Takes no time.

    Args:
        city: Name of the city,
            in English.
        unit: What to measure in.

    Returns:
        What a thermometer says.
    """
    await asyncio.sleep(0)
    if not city:
        raise ValueError("a city has a name")
    return {"city": city, "degrees": 20.0 if unit == "celsius" else 293.0}


@tool
def roll():
    """Rolls the same number each time."""
    return 4


class Functions(Case):
    def test_the_schema_tells_the_model_all_that_the_function_says(self):
        schema = json.loads(weather.schema())
        self.assertEqual((schema["name"], schema["description"]), ("weather", "Current weather in a city.\n\nTakes no time."))
        parameters = schema["parameters"]
        self.assertEqual(parameters["required"], ["city"], "an argument with a default may be left out")
        self.assertEqual(parameters["properties"]["city"], {"type": "string", "description": "Name of the city, in English."})
        self.assertEqual(parameters["properties"]["unit"]["enum"], ["celsius", "kelvin"])
        self.assertEqual(weather.schema(), json.dumps(schema, sort_keys=True, separators=(",", ":")), "tokens depend on it")

    def test_a_call_reads_json_and_returns_json(self):
        self.assertEqual(
            run(weather.call('{"city": "Oslo", "unit": "kelvin"}')), '{"city":"Oslo","degrees":293.0}'
        )
        self.assertEqual(run(roll.call("{}")), "4")
        self.assertEqual(run(roll.call("")), "4", "models leave empty arguments out")

    def test_arguments_that_do_not_fit_are_an_error_for_the_model(self):
        for arguments, message in [
            ("{}", "arguments of `weather` do not fit: missing field `city`"),
            ('{"city": "Oslo", "day": 1}', "unknown field `day`, expected `city` or `unit`"),
            ('{"city": "Oslo", "unit": "mile"}', "`unit`: unknown value `mile`, expected `celsius` or `kelvin`"),
            ("[1", "arguments of `weather`"),
        ]:
            with self.refused(message):
                run(weather.call(arguments))
        with self.assertRaisesRegex(ValueError, "a city has a name"):
            run(weather.call('{"city": ""}'))

    def test_a_set_calls_its_tools_by_name(self):
        def double(n: int) -> int:
            """Doubles a number."""
            return 2 * n

        toolbox = Tools([weather, roll, double]).add(roll)
        self.assertEqual(toolbox.names(), ["weather", "double", "roll"])
        self.assertEqual(toolbox.schemas()[0], weather.schema())
        self.assertEqual(run(toolbox.call("double", '{"n": 4}')), "8")
        with self.refused("no tool `dance`; there are `weather`, `double`, `roll`"):
            run(toolbox.call("dance", "{}"))

    def test_the_function_itself_can_still_be_called(self):
        self.assertEqual((roll(), roll.name, roll.__doc__), (4, "roll", "Rolls the same number each time."))

    def test_functions_that_cannot_be_tools_are_refused_with_a_reason_and_a_line(self):
        def silent(a: int):
            pass

        def untyped(a: object):
            """Has a type that JSON does not know."""

        def star(*a: int):
            """Takes any number."""

        def unknown(a: "Missing"):  # noqa: F821
            """Has a type that does not exist."""

        for function, part in [(silent, "docstring"), (untyped, "`object`"), (star, "by name"), (unknown, "Missing")]:
            with self.refused(part, "test_tools.py`, line"):
                tool(function)

    def test_docstrings_of_other_styles_are_understood(self):
        sphinx = docs.parse("Adds.\n\n:param int a: the first\n    one\n:param b: the second\n:returns: a sum")
        self.assertEqual(sphinx, ("Adds.", {"a": "the first one", "b": "the second"}))
        numpy = docs.parse("Adds.\n\nParameters\n----------\na : int\n    The first.\nb\n    The second.\n\nReturns\n-------\nint")
        self.assertEqual(numpy, ("Adds.", {"a": "The first.", "b": "The second."}))
        self.assertEqual(docs.parse(None), ("", {}))


class Prefixes(Case):
    def test_tools_and_results_become_tokens(self):
        model = Model.load("default")
        expected = [token_of(letter) for letter in "roll"]
        for described in ([roll], [roll.schema()], [json.loads(roll.schema())], Tools([roll])):
            self.assertEqual(tools.equip_prefix(model, described), expected)
        with self.refused("has no name"):
            tools.equip_prefix(model, ["{}"])
        for value, text in [("x", "f=x"), ({"a": 1}, 'f={"a":1}'), ([1], "f=[1]")]:
            self.assertEqual(tools.answer_prefix(model, "f", value), [token_of(letter) for letter in text])

    def test_a_native_matcher_constrains_and_is_none_without_a_format(self):
        model = Model.load("default")
        constraint = GrammarConstraint(tools.native_matcher(model, [roll]))
        generated = run(context("a").generate(Sampler.argmax(), max_tokens=2, constrain=constraint).collect_tokens())
        self.assertEqual(generated, [token_of("^")] * 2)
        self.assertIsNone(tools.native_matcher(model, []))
        self.assertIsNone(tools.native_grammar(model, []))


class Decoders(Case):
    def test_each_decoder_reports_its_events(self):
        model = Model.load("default")
        ids = lambda text: [token_of(letter) for letter in text]  # noqa: E731
        text = chat.Decoder(model)
        self.assertEqual(text.feed(ids("ab")), chat.Event.Delta("ab"))
        self.assertEqual(text.feed([]), chat.Event.Idle())
        self.assertEqual(text.feed([61]), chat.Event.Interrupt(61))
        self.assertEqual(text.feed([63]), chat.Event.Done("ab"))
        text.reset()
        self.assertEqual(text.feed([63]), chat.Event.Done(""))
        thoughts = reasoning.Decoder(model)
        events = [thoughts.feed(ids(letter)) for letter in "a[b]c"]
        self.assertEqual(
            events,
            [
                reasoning.Event.Idle(),
                reasoning.Event.Start(),
                reasoning.Event.Delta("b"),
                reasoning.Event.End("b"),
                reasoning.Event.Idle(),
            ],
        )
        calls = tools.Decoder(model)
        self.assertEqual(calls.feed(ids("a")), tools.Event.Start())
        match calls.feed(ids("^")):
            case tools.Event.Call(name=name, args=args):
                self.assertEqual((name, json.loads(args)), ("add", {"a": 1, "b": 2}))
            case other:
                self.fail(other)
        self.assertEqual(tools.parse_call(model, "ab^c"), ("add", '{"a": 1, "b": 2}'))
        self.assertIsNone(tools.parse_call(model, "abc"))
