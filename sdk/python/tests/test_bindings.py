"""The bindings are generated while a component is built, so nothing of them is checked in that could become outdated. What could is the SDK's
use of them; natively it is tested over a fake, whose surface is compared with the `wit/` folder here."""

import importlib
import inspect
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass

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
