"""The bindings are generated while a component is built, so nothing of them is checked in that could become outdated. What could is the SDK's
use of them; natively it is tested over a fake, whose surface is compared with the `wit/` folder here."""

import importlib
import inspect
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass

from inferlet import Model, checks
from inferlet._bindings import inference

from . import TESTS
from .support import Case

REPOSITORY = TESTS.parents[2]


def interfaces():
    """Of each interface of `pie:*` in the `wit/` folder: functions with their parameters, resources with their methods, cases of
    variants, fields of records."""
    found = {}
    for file in sorted((REPOSITORY / "wit/deps").glob("pie-*/*.wit")):
        text = re.sub(r"//.*", "", file.read_text())
        package = file.parent.name.replace("-", "_")
        for name, body in blocks(text, "interface"):
            found[f"{package}_{name.replace('-', '_')}"] = read(body)
    return found


def blocks(text, keyword):
    for match in re.finditer(rf"\b{keyword}\s+([\w-]+)\s*{{", text):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield match[1], text[match.end() : end - 1]


FUNCTION = re.compile(r"([\w-]+)\s*:\s*(static\s+)?(?:async\s+)?func\((.*?)\)\s*(?:->[^;]*)?;", re.DOTALL)


def read(body):
    surface = {"functions": {}, "resources": {}, "variants": {}, "records": {}}
    for name, inner in blocks(body, "resource"):
        methods = {snake(m[1]): (bool(m[2]), parameters(m[3])) for m in FUNCTION.finditer(inner)}
        if constructor := re.search(r"constructor\((.*?)\);", inner, re.DOTALL):
            methods["__init__"] = (False, parameters(constructor[1]))
        surface["resources"][camel(name)] = methods
    for name, inner in blocks(body, "variant"):
        surface["variants"][camel(name)] = [camel(case) for case in re.findall(r"([\w-]+)(?:\([^,]*?(?:<.*?>)?\))?,", inner)]
    for name, inner in blocks(body, "record"):
        surface["records"][camel(name)] = [snake(each) for each in re.findall(r"([\w-]+)\s*:", inner)]
    outer = body
    for keyword in ("resource", "variant", "record"):
        for _, inner in blocks(body, keyword):
            outer = outer.replace(inner, "")
    surface["functions"] = {snake(m[1]): parameters(m[3]) for m in FUNCTION.finditer(outer)}
    return surface


def parameters(text):
    return [snake(name) for name in re.findall(r"([\w-]+)\s*:", text)]


def snake(name):
    return name.replace("-", "_")


def camel(name):
    return "".join(word.capitalize() for word in name.split("-"))


def module(name):
    return importlib.import_module(f"inferlet_bindings.imports.{name}")


class Fake(Case):
    def test_the_reading_of_the_interface_finds_what_is_there(self):
        found = interfaces()
        self.assertEqual(len(found), 16)
        context = found["pie_core_context"]["resources"]["Context"]
        self.assertEqual(context["open"], (True, ["model", "name"]))
        self.assertEqual(context["bid"], (False, ["value"]))
        self.assertEqual(found["pie_core_inference"]["variants"]["Sampler"][4], "TopKTopP")
        self.assertEqual(found["pie_mcp_types"]["records"]["Error"], ["code", "message", "data"])
        self.assertEqual(found["pie_zo_zo"]["functions"]["adapter_seed"], ["self", "seed"])

    def test_the_fake_has_exactly_the_surface_of_the_interface(self):
        for name, surface in interfaces().items():
            # Waiting goes through pollables (see README.md), which the fake has.
            if name == "pie_core_wait":
                continue
            fake = module(name)
            with self.subTest(name):
                for function, expected in surface["functions"].items():
                    self.assertEqual(list(inspect.signature(getattr(fake, function)).parameters), expected, function)
                for resource, methods in surface["resources"].items():
                    self.check_resource(getattr(fake, resource), methods)
                for variant, cases in surface["variants"].items():
                    prefix = f"{variant}_"
                    self.assertEqual([each[len(prefix) :] for each in vars(fake) if each.startswith(prefix)], cases)
                for record, names in surface["records"].items():
                    self.assertTrue(is_dataclass(getattr(fake, record)))
                    self.assertEqual([each.name for each in fields(getattr(fake, record))], names)

    def check_resource(self, fake, methods):
        own = {name for name, value in vars(fake).items() if not name.startswith("_") and callable(getattr(fake, name))}
        self.assertEqual({name for name in methods if name != "__init__"}, own, fake)
        for name, (is_static, expected) in methods.items():
            found = list(inspect.signature(getattr(fake, name)).parameters)
            found = found if is_static else found[1:]
            self.assertEqual(found, expected, f"{fake.__name__}.{name}")


def typed_functions(text):
    """The functions of an interface by name, with the names and types of their parameters; methods behind the name of their resource."""
    found = {}
    for name, inner in blocks(text, "resource"):
        found.update((f"{camel(name)}.{snake(m[1])}", m[3]) for m in FUNCTION.finditer(inner))
        text = text.replace(inner, "")
    for keyword in ("variant", "record"):
        for _, inner in blocks(text, keyword):
            text = text.replace(inner, "")
    found.update((snake(m[1]), m[3]) for m in FUNCTION.finditer(text))
    return {name: re.findall(r"([\w-]+)\s*:\s*((?:[\w-]|<[^:]*>)+)", parameters) for name, parameters in found.items()}


class Checks(Case):
    ALIASES = {"brle": "list<u32>", "json": "string", "blob": "list<u8>"}

    def plain(self, kind):
        return re.sub(r"[\w-]+", lambda name: self.ALIASES.get(name[0], name[0]), kind)

    def test_every_value_that_has_to_fit_is_looked_at_before_it_crosses(self):
        expected = {}
        for file in sorted((REPOSITORY / "wit/deps").glob("pie-*/*.wit")):
            text = re.sub(r"//.*", "", file.read_text())
            for interface, body in blocks(text, "interface"):
                module = f"{file.parent.name}_{interface}".replace("-", "_")
                if module == "pie_core_wait":
                    continue
                for function, parameters in typed_functions(body).items():
                    kinds = [(snake(name), self.plain(kind)) for name, kind in parameters]
                    if any(kind in checks._CHECKS for _, kind in kinds):
                        written = " ".join(f"{name}:{kind}" if kind in checks._CHECKS else name for name, kind in kinds)
                        expected.setdefault(module, {})[function] = written
        self.assertEqual(checks.TABLE, expected)
        text = (REPOSITORY / "wit/deps/pie-core/inference.wit").read_text()
        (sampler,) = [body for name, body in blocks(re.sub(r"//.*", "", text), "variant") if name == "sampler"]
        cases = re.findall(r"([\w-]+)(?:\((?:tuple<(.*?)>|(.*?))\))?,\n", sampler)
        held = {camel(name): tuple((several or one).split(", ")) if several or one else () for name, several, one in cases}
        self.assertEqual(checks.SAMPLERS, held)

    def test_a_value_that_does_not_fit_is_an_error_and_not_the_end(self):
        tokenizer = Model.load("default").tokenizer()
        for tokens, why in [
            ([-5], "`tokens` of `Tokenizer.decode` takes an integer from 0 to 4294967295, and not `-5`"),
            ([1 << 32], "not `4294967296`"),
            ([1.5], "not `1.5`"),
            ("ab", "a list, and not `'ab'`"),
            (None, "a list, and not `None`"),
        ]:
            with self.refused(why):
                tokenizer.decode(tokens)
        for text, why in [("\ud800", "a text without halves of characters"), (7, "a text, and not `7`")]:
            with self.refused("`text` of `Tokenizer.encode` takes", why):
                tokenizer.encode(text)
        raw = inference.ForwardPass(Model.load("default")._raw)
        for sampler, why in [
            (inference.Sampler_TopK((1.0, -1)), "not `-1`"),
            (inference.Sampler_TopP((10**400, 0.5)), "no larger than a `float`"),
            (inference.Sampler_Logprobs([1, "a"]), "not `'a'`"),
            ("top", "a sampler or a probe"),
        ]:
            with self.refused("`sampler` of `ForwardPass.sampler` takes", why):
                raw.sampler([0], sampler)
        with self.refused("`mask` of `ForwardPass.attention_mask`"):
            raw.attention_mask([[0, -1]])


class WithoutEngine(Case):
    def test_the_sdk_can_be_imported_where_there_is_no_engine_and_says_so(self):
        program = (
            "import inferlet\nfrom inferlet import Model, Sampler, tool, InferletError\n"
            "@tool\ndef add(a: int, b: int) -> int:\n    '''Adds.'''\n    return a + b\n"
            "assert add(1, 2) == 3\nSampler.top_p()\n"
            "try:\n    Model.load('default')\nexcept InferletError as error:\n    print(error)\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": str(TESTS.parent / "src")}
        )
        self.assertEqual((run.stderr, run.returncode), ("", 0))
        self.assertIn("needs the engine", run.stdout)
