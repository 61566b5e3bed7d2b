"""Every item is there, and says what it is: these docstrings become the API reference."""

import ast
import asyncio
import doctest
import importlib
import inspect
import pkgutil
import textwrap

import inferlet
from inferlet.entry import use_engine_loop

from . import TESTS
from .support import Case, run

SOURCES = TESTS.parent / "src/inferlet"

# The surface of the reference page and of the older README, by owner.
SURFACE = {
    "runtime": "models version instance_id username spawn launch",
    "Model": "load tokenizer",
    "Tokenizer": "encode decode vocabs special_tokens split_regex",
    "Context": "open take delete fork save snapshot release system user assistant cue seal append flush model page_size seq_len buffer "
    "truncate generate forward set_bid idle generate_text fill fill_tokens equip_tools answer_tool __enter__ __exit__",
    "Generator": "max_tokens stop add_stop constrain horizon adapter zo_seed probe_each_step tokens_generated is_done collect_tokens "
    "collect_text collect_json accept __aiter__ __anext__",
    "GenStep": "clear_sampler probe execute",
    "Forward": "input input_at attention_mask mask sample probe adapter zo_seed execute start_position",
    "Output": "token tokens_at distribution logits logprobs entropy tokens auto_sampler raw",
    "Sampler": "argmax top_p top_k min_p top_k_top_p multinomial greedy embedding dist",
    "Grammar": "from_json_schema json from_regex from_ebnf",
    "GrammarConstraint": "from_grammar from_json_schema json from_regex from_ebnf",
    "Matcher": "accept_tokens next_token_logit_mask is_terminated reset",
    "Adapter": "create open fork save load __enter__ __exit__",
    "chat": "Decoder Event system user assistant cue seal stop_tokens",
    "reasoning": "Decoder Event",
    "tools": "Decoder Event equip_prefix answer_prefix native_matcher tool Tools",
    "session": "send send_file receive receive_file",
    "messaging": "broadcast subscribe push pull Subscription",
    "mcp": "available_servers connect McpSession",
    "mcp.McpSession": "list_tools call_tool list_resources read_resource list_prompts get_prompt __enter__ __exit__",
    "messaging.Subscription": "next unsubscribe __aiter__ __iter__ __enter__",
    "scheduling": "balance rent dividend latency price",
    "zo": "initialize update",
    "Event": "Text Thinking ThinkingDone ToolCallStart ToolCall Done",
    "TokenStream": "text tokens __iter__",
    "EventStream": "__iter__ __aiter__",
    "Decoder": "feed reset",
    "ForwardPass": "execute",
}
TOP = "Logits Distribution Logprob Logprobs Entropy AnyJson JsonSchema Regex Ebnf launch tool"


class Surface(Case):
    def test_every_row_of_the_reference_is_there(self):
        for owner, names in SURFACE.items():
            thing = inferlet
            for part in owner.split("."):
                thing = getattr(thing, part)
            annotations = getattr(thing, "__annotations__", {})
            for name in names.split():
                self.assertTrue(hasattr(thing, name) or name in annotations, f"{owner}.{name}")
        for name in TOP.split():
            self.assertTrue(hasattr(inferlet, name), name)
        from inferlet.spec import Speculator

        self.assertTrue(all(hasattr(Speculator, name) for name in ("draft", "accept", "rollback", "reset")))

    def test_the_keywords_of_generate_are_those_of_the_reference(self):
        own = set(inspect.signature(inferlet.Generator.__init__).parameters) - {"self", "ctx", "sampler"}
        expected = "max_tokens stop constrain logit_mask speculator system_speculation adapter zo_seed horizon auto_flush"
        self.assertEqual(own, set(expected.split()))

    def test_every_public_item_has_a_docstring(self):
        silent = []
        for path in sorted(SOURCES.glob("*.py")):
            module = ast.parse(path.read_text())
            if ast.get_docstring(module) is None:
                silent.append(path.name)
            silent += [f"{path.stem}.{name}" for name in undocumented(module)]
        # What overloads, protocols of Python and internal helpers are is said by what they overload or implement.
        self.assertEqual([name for name in silent if not name.startswith(INTERNAL)], [])

    def test_examples_in_docstrings_do_what_they_say(self):
        use_engine_loop()
        names = {name: getattr(inferlet, name) for name in inferlet.__all__} | {"asyncio": asyncio}
        attempted = 0
        for module in pkgutil.iter_modules([str(SOURCES)]):
            imported = importlib.import_module(f"inferlet.{module.name}")
            result = doctest.testmod(imported, globs=vars(imported) | names)
            self.assertEqual(result.failed, 0, module.name)
            attempted += result.attempted
            self.assertNotIn("doctest: +SKIP", inspect.getsource(imported))
        self.assertGreater(attempted, 12)

    def test_the_program_in_the_first_docstring_runs(self):
        source = textwrap.dedent(inferlet.__doc__.split("::\n\n")[1].split("\n\nWhere to read")[0])
        namespace = {}
        exec(source, namespace)
        self.assertIsInstance(run(namespace["main"]({"name": "Ada"})), str)

    def test_every_module_can_be_imported_and_types_are_marked(self):
        for module in pkgutil.iter_modules([str(SOURCES)]):
            importlib.import_module(f"inferlet.{module.name}")
        self.assertTrue((SOURCES / "py.typed").exists())
        for name in inferlet.__all__:
            self.assertTrue(hasattr(inferlet, name), name)


INTERNAL = ("_bindings.", "bundle._", "brle._", "passes.Readings", "progress.Progress", "constraint._", "constraint.Constraints", "loop._")


def undocumented(node, prefix=""):
    """Public classes and functions without a docstring, but for those that overload others."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        decorators = [getattr(each, "id", "") for each in getattr(child, "decorator_list", [])]
        if (child.name.startswith("_") and not isinstance(child, ast.ClassDef)) or "overload" in decorators:
            continue
        if ast.get_docstring(child) is None:
            yield prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from undocumented(child, f"{prefix}{child.name}.")
