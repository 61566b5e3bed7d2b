import asyncio
import contextlib
import io
import json
import linecache
import os
import sys
from unittest import mock

from componentize_py_types import Err
from inferlet.bundle import Bundle
from inferlet.entry import Program
from inferlet.preload import mentioned_modules
from inferlet.style import Style, style_of

from .support import Case

KEPT = (asyncio.new_event_loop, asyncio.events.new_event_loop)


class Programs(Case):
    def tearDown(self):
        super().tearDown()
        # What a program installs is its process's, which is the test's here.
        asyncio.new_event_loop, asyncio.events.new_event_loop = KEPT
        self.forget()

    def forget(self):
        linecache.clearcache()
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Bundle)]
        for name in ("main", "helper", "pkg", "pkg.inner", "app", "app.start"):
            sys.modules.pop(name, None)

    def run_program(self, main, input="{}", prepare=True, entry="main.py", **files):
        """Output, and what was printed to each stream; or the error's text instead of output."""
        self.forget()
        main_module = sys.modules["__main__"]
        out, err = io.StringIO(), io.StringIO()
        program = Program({entry: main, **{name.replace("__", "/") + ".py": text for name, text in files.items()}}, entry)
        environment = mock.patch.dict(os.environ)
        with environment, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                if prepare:
                    program.prepare()
                result = json.loads(program.run(input))
            except Err as error:
                result = error
            finally:
                sys.modules["__main__"] = main_module
        return result, out.getvalue(), err.getvalue()

    def fails(self, main, *parts, input="{}", **files):
        error, _, printed = self.run_program(main, input, **files)
        self.assertIsInstance(error, Err)
        for part in parts:
            self.assertIn(part, error.value)
        return printed


class Entry(Programs):
    def test_main_gets_the_input_and_its_result_is_the_output(self):
        source = "async def main(input):\n    return {'got': input}\n"
        self.assertEqual(self.run_program(source, '{"a": 1}')[0], {"got": {"a": 1}})
        self.assertEqual(self.run_program(source, "")[0], {"got": {}}, "no text stands for an object without fields")
        self.assertEqual(self.run_program("async def main():\n    pass\n")[0], None)

    def test_parameters_are_taken_by_name_and_type(self):
        source = "async def main(name: str, n: int = 3):\n    return [name, n]\n"
        self.assertEqual(self.run_program(source, '{"name": "Ada"}')[0], ["Ada", 3])
        for input, part in [
            ("{}", "missing field `name`"),
            ('{"name": 3}', "`name`: `3` is not a string"),
            ('{"name": "a", "m": 1}', "unknown field `m`, expected `name` or `n`"),
            ("[1", "the input is no JSON"),
        ]:
            self.fails(source, part, input=input)
        self.fails(source, "does not fit `main` (`main.py`, line 1)")

    def test_one_parameter_with_the_type_of_an_object_takes_all_of_the_input(self):
        source = (
            "from dataclasses import dataclass\n@dataclass\nclass Input:\n    a: int\n"
            "async def main(given: Input):\n    return given\n"
        )
        self.assertEqual(self.run_program(source, '{"a": 1}')[0], {"a": 1})
        self.fails(source, "`a`: `x` is not an integer", input='{"a": "x"}')
        self.assertEqual(self.run_program("async def main(rest: dict):\n    return rest\n", '{"a": 1}')[0], {"a": 1})

    def test_an_error_that_is_raised_is_the_runs_and_its_traceback_is_printed(self):
        printed = self.fails("async def main(input):\n    raise ValueError('no such city')\n", "no such city")
        self.assertIn('File "main.py", line 2, in main', printed)
        self.assertIn("raise ValueError('no such city')", printed, "the source is shown")
        self.assertNotIn("entry.py", printed)

    def test_a_mistake_is_told_with_its_line(self):
        self.fails("def f(x):\n    return 1 / x\nasync def main(input):\n    return f(0)\n", "`main.py`, line 2", "ZeroDivisionError")
        self.fails("async def main(input):\n    return input['x']\n", "`main.py`, line 2: KeyError: 'x'")
        self.fails("import json\nasync def main(input):\n    json.loads('[')\n", "`main.py`, line 3", "JSONDecodeError")
        self.fails("async def main(input):\n    import nowhere\n", "`main.py`, line 2: ModuleNotFoundError", "nowhere")

    def test_a_result_that_is_no_json_is_told_with_the_place(self):
        self.fails("async def main(input):\n    return {'a': [{1}]}\n", "`main.py`, line 1", "`a[0]`: a `set`")
        self.fails(
            "from inferlet import session\nasync def main(input):\n    return session.receive()\n", "is an `await` missing?"
        )

    def test_leaving_early_is_an_end_and_leaving_with_a_message_an_error(self):
        self.assertIsNone(self.run_program("import sys\nasync def main(input):\n    sys.exit()\n")[0])
        self.fails("import sys\nasync def main(input):\n    sys.exit('enough')\n", "ended with `enough`")

    def test_what_is_no_program_is_refused_with_a_line(self):
        for source, part in [
            ("import os\nasync def mian(input):\n    pass\n", "`main.py`, line 2 (`mian`): there is nothing to run"),
            ("'''Only a docstring.'''\n", "`main.py`: there is nothing to run"),
            ("\ndef main(input):\n    pass\n", "`main.py`, line 2: `main` is a plain function"),
            ("main = lambda input: 1\n", "`main.py`, line 1: `main` is no `async def`"),
            ("from helper import main\n", "`helper.py`, line 1: `main` is no `async def`"),
        ]:
            with self.refused(part):
                Program({"main.py": source, "helper.py": "def main(input): pass\n"}, "main.py").prepare()
            for name in ("main", "helper"):
                sys.modules.pop(name, None)
        with self.refused("`main.py`, line 2: '(' was never closed"):
            Program({"main.py": "async def main(input):\n    return (1\n"}, "main.py").prepare()
        with self.refused("`helper.py`, line 1: "):
            Program({"main.py": "async def main(input): ...\n", "helper.py": "x = ="}, "main.py").prepare()
        with self.refused("`main.py`, line 1: ModuleNotFoundError: No module named 'nowhere'"):
            Program({"main.py": "import nowhere\nasync def main(input): pass\n"}, "main.py").prepare()
        with self.refused("no `other.py`"):
            Program({"main.py": ""}, "other.py").prepare()

    def test_a_program_that_asks_the_engine_while_it_is_imported_is_imported_in_the_run(self):
        source = "from inferlet import Model\nmodel = Model.load('default')\nasync def main(input):\n    return model.name\n"
        self.assertEqual(self.run_program(source)[0], "default")

    def test_the_environment_is_what_the_manifest_permits(self):
        source = "import os\nasync def main(input):\n    return dict(os.environ)\n"
        self.assertEqual(self.run_program(source)[0], {"PERMITTED": "yes"})

    def test_a_program_that_prints_while_it_is_imported_prints_in_the_run(self):
        source = "print('importing')\nasync def main(input):\n    print('running')\n"
        for prepare in (True, False):
            self.assertEqual(self.run_program(source, prepare=prepare)[1], "importing\nrunning\n")

    def test_it_says_what_it_takes(self):
        source = (
            "async def main(name: str, times: int = 1):\n"
            "    \"\"\"Greets somebody.\n\n    Args:\n        name: Whom to greet.\n    \"\"\"\n"
        )
        said = json.loads(Program({"main.py": source}, "main.py").describe())
        self.assertEqual((said["style"], said["description"]), ("entry", "Greets somebody."))
        self.assertEqual(said["parameters"]["properties"]["name"], {"type": "string", "description": "Whom to greet."})
        self.assertEqual(said["parameters"]["required"], ["name"])
        self.forget()
        said = json.loads(Program({"main.py": "async def main(input): ..."}, "main.py").describe())
        self.assertIsNone(said["parameters"])
        said = json.loads(Program({"main.py": "\"Says hello.\"\nprint(1)"}, "main.py").describe())
        self.assertEqual(said, {"style": "script", "description": "Says hello.", "parameters": None})

    def test_it_runs_the_same_with_and_without_preparation(self):
        source = "import asyncio\nfrom pkg.inner import f\nasync def main(n: int):\n    await asyncio.sleep(1)\n    return f(n)\n"
        files = {"pkg____init__": "", "pkg__inner": "def f(n):\n    return n + 1\n"}
        self.assertEqual(self.run_program(source, '{"n": 1}', **files)[0], 2)
        self.assertEqual(self.run_program(source, '{"n": 1}', prepare=False, **files)[0], 2)

    def test_an_entry_in_a_package_is_found(self):
        result = self.run_program("async def main(input):\n    return __name__\n", entry="app/start.py")
        self.assertEqual(result[0], "app.start")


class Scripts(Programs):
    def test_its_statements_are_run_and_calls_that_wait_block(self):
        source = (
            "from inferlet import Context, Model, Sampler, runtime\n"
            "ctx = Context(Model.load(runtime.models()[0]))\nctx.user('abc')\n"
            "text = ctx.generate_text(Sampler.greedy(), max_tokens=3)\nprint(len(text), __name__)\n"
        )
        self.assertEqual(self.run_program(source)[:2], (None, "3 __main__\n"))

    def test_a_guard_of_the_main_module_holds(self):
        self.assertEqual(self.run_program("if __name__ == '__main__':\n    print('run')\n")[1], "run\n")

    def test_it_may_run_its_own_coroutines(self):
        source = (
            "import asyncio\nfrom inferlet import Context, Model\nctx = Context(Model.load('default'))\n"
            "async def work():\n    await ctx.user('a').flush()\n    return ctx.seq_len\nprint(asyncio.run(work()))\n"
        )
        self.assertEqual(self.run_program(source)[1], "3\n")

    def test_its_errors_have_their_line(self):
        self.fails("x = 1\nprint(1 / 0)\n", "`main.py`, line 2: ZeroDivisionError")
        self.assertIsNone(self.run_program("import sys\nprint('a')\nsys.exit(0)\n")[0])


class Styles(Case):
    def test_the_style_follows_from_the_source_alone(self):
        for source, style in [
            ("async def main(input): ...", Style.ENTRY),
            ("from app import main", Style.ENTRY),
            ("from app import run as main", Style.ENTRY),
            ("main = make()", Style.ENTRY),
            ("try:\n    from a import main\nexcept ImportError:\n    from b import main", Style.ENTRY),
            ("async def main(input): ...\nprint('at import')", Style.ENTRY),
            ("print('hello')", Style.SCRIPT),
            ("x = f()", Style.SCRIPT),
            ("for x in y: pass", Style.SCRIPT),
            ("import asyncio\nasync def go(): ...\nasyncio.run(go())", Style.SCRIPT),
            ("if __name__ == '__main__':\n    main = 1\n    print(main)", Style.SCRIPT),
        ]:
            self.assertEqual(style_of(source, "main.py"), style, source)

    def test_definitions_and_constants_alone_are_no_program(self):
        with self.refused("nothing to run"):
            style_of("import os\nX = 3\nclass A: ...\ndef f(): ...\nasync def g(): ...\n", "main.py")


class Bundles(Programs):
    FILES = {
        "pkg/__init__.py": "",
        "pkg/inner.py": "from importlib.resources import files\nTEXT = files('pkg').joinpath('data/a.txt').read_text()\n",
        "pkg/data/a.txt": b"content",
        "space/deep.py": "X = 1\n",
    }

    def test_modules_packages_and_data_are_found(self):
        import importlib
        import pkgutil

        bundle = Bundle(self.FILES)
        bundle.install()
        self.assertEqual(importlib.import_module("pkg.inner").TEXT, "content")
        self.assertEqual(pkgutil.get_data("pkg", "data/a.txt"), b"content")
        self.assertEqual(importlib.import_module("space.deep").X, 1)
        self.assertEqual(bundle.modules(), ["pkg", "pkg.inner", "space.deep"])
        from importlib.resources import files

        self.assertEqual([entry.name for entry in files("pkg").iterdir()], ["__init__.py", "data", "inner.py"])
        self.assertTrue(files("pkg").joinpath("data").is_dir())
        with self.assertRaises(FileNotFoundError):
            files("pkg").joinpath("none").read_bytes()
        bundle.forget()
        self.assertNotIn("pkg.inner", sys.modules)
        for name in ("space", "space.deep"):
            sys.modules.pop(name, None)

    def test_sources_are_shown_unless_they_are_to_be_left_out(self):
        for show in (True, False):
            loader = Bundle(self.FILES, show_sources=show).find_spec("pkg.inner").loader
            self.assertEqual(loader.get_source("pkg.inner") is not None, show)

    def test_all_imports_of_a_source_are_known_before_it_runs(self):
        source = "import json\ndef f():\n    from xml import etree\n    import a.b\n"
        self.assertEqual(list(mentioned_modules(source)), ["json", "xml", "xml.etree", "a.b"])


