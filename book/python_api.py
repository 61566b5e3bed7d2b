"""Writes the book's reference of the Python SDK, from the sources and their docstrings: ``python3 book/python_api.py FOLDER``.

Sources are read and not run, so every Python writes the same. A test compares what comes out with what is in the book; with ``SNAPSHOTS=overwrite`` it
is put there.
"""

import ast
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "sdk/python/src/inferlet"

# The pages: file, title, an example that shows what it is about, and the modules or items in order. `module` stands for all that a module names in `__all__`,
# `module:Item Item` for some of it; those before a `|` are used by the module's name.
PAGES = [
    ("program", "Programs, models and tokenizers", "hello-python", ["style", "waiting:waits", "model:Model Tokenizer", "runtime|", "errors:InferletError McpError"]),
    ("context", "Contexts", "prefix-reuse-python", ["context:Context"]),
    ("generation", "Generating", "best-of-n-python", ["generation:Generator", "step:GenStep", "streams:TokenStream EventStream Event Decoder", "spec|"]),
    ("passes", "Passes, samplers and probes", "forward-sampling-python", ["forward:Forward ForwardPass", "output:Output", "sample", "brle|"]),
    ("constraints", "Constraints and grammars", "constrained-json-python", ["constraint", "grammar:Grammar Matcher"]),
    ("formats", "Chat, reasoning and tools", "tool-use-python", ["chat|", "reasoning|", "tools|"]),
    ("world", "Sessions, messages and children", "map-reduce-python", ["session|", "messaging|", "mcp|", "http|", "launch:launch Child"]),
    ("adapters", "Adapters and the market", "bidding-python", ["adapter:Adapter", "zo|", "scheduling|"]),
]


def main(folder):
    place = places()
    for name, title, example, parts in PAGES:
        text = page(title, example, parts, place)
        Path(folder, f"python-api-{name}.md").write_text(text, encoding="utf-8")


def places():
    """In which page each name is explained."""
    found = {}
    for page_name, _, _, parts in PAGES:
        for part in parts:
            module, items, _ = taken(part)
            found[module] = page_name
            found.update((item, page_name) for item in items)
    return found


def taken(part):
    """The module of a part, its items, and what they are called by."""
    module, _, items = part.rstrip("|").partition(":")
    tree = parsed(module)
    names = items.split() or exported(tree)
    return module, names, f"{module}." if part.endswith("|") else ""


def parsed(module):
    return ast.parse((SOURCES / f"{module}.py").read_text(encoding="utf-8"))


def exported(tree):
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return sorted(ast.literal_eval(node.value), key=lambda name: (not name[0].isupper(), position(tree, name)))
    return [node.name for node in tree.body if isinstance(node, DEFINITIONS) and not node.name.startswith("_")]


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def position(tree, name):
    return next((index for index, node in enumerate(tree.body) if getattr(node, "name", "") == name), -1)


def page(title, example, parts, place):
    lines = [f"# {title}", "", f"<!-- Written by `book/python_api.py` from the docstrings in `sdk/python/src/inferlet`. -->", ""]
    for part in parts:
        module, names, prefix = taken(part)
        tree = parsed(module)
        if prefix or len(names) != 1:
            lines += [f"## `inferlet.{module}`", ""]
        lines += [prose(ast.get_docstring(tree), place), ""]
        for name in names:
            node = next((node for node in tree.body if getattr(node, "name", "") == name), None)
            if node is None:
                lines += constant(tree, name, prefix)
            elif isinstance(node, ast.ClassDef):
                lines += class_of(node, prefix, place)
            else:
                lines += function(node, prefix, place, "###")
    if (ROOT / "examples" / example).is_dir():
        lines += ["## An example", "", "```python", f"{{{{#include ../../examples/{example}/main.py}}}}", "```", ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def constant(tree, name, prefix):
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return [f"### `{prefix}{name}`", ""]
    # Imported from another module, where it is explained.
    return []


def class_of(node, prefix, place):
    bases = [ast.unparse(base) for base in node.bases]
    shown = [base for base in bases if base in ("Generator", "InferletError") or base in place]
    heading = f"### class `{prefix}{node.name}`" + (f", a `{shown[0]}`" if shown else "")
    if any(base == "Protocol" for base in bases):
        heading = f"### protocol `{prefix}{node.name}`"
    lines = [heading, "", prose(ast.get_docstring(node), place), ""]
    previous = None
    for child in node.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            lines += inner_class(child, f"{node.name}.", place)
        elif isinstance(child, FUNCTIONS):
            lines += method(child, node.name, place)
        elif isinstance(child, ast.AnnAssign):
            previous = child
            continue
        elif previous is not None and is_text(child):
            lines += [f"#### `{previous.target.id}: {ast.unparse(previous.annotation)}`", "", prose(text_of(child), place), ""]
        previous = None
    return lines


def inner_class(node, prefix, place):
    """A case of events: a class that only holds something."""
    fields = [child for child in node.body if isinstance(child, ast.AnnAssign)]
    held = ", ".join(f"{field.target.id}: {ast.unparse(field.annotation)}" for field in fields)
    lines = [f"#### `{prefix}{node.name}({held})`", "", prose(ast.get_docstring(node), place), ""]
    for field, text in zip(node.body, node.body[1:]):
        if isinstance(field, ast.AnnAssign) and is_text(text):
            lines += [f"- `{field.target.id}`: {prose(text_of(text), place)}"]
    return [*lines, ""]


def is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def text_of(node):
    return textwrap.dedent(node.value.value).strip()


def decorators(node):
    return {ast.unparse(each).split(".")[-1] for each in node.decorator_list}


def method(node, owner, place):
    marks = decorators(node)
    if "overload" in marks or (node.name.startswith("_") and node.name != "__init__"):
        return []
    if "property" in marks:
        returns = f": {ast.unparse(node.returns)}" if node.returns else ""
        return [f"#### `{node.name}{returns}`", "", prose(ast.get_docstring(node), place), ""]
    if node.name == "__init__":
        return [f"#### `{owner}{parameters(node, skip_first=True)}`", "", prose(ast.get_docstring(node) or "", place), ""]
    is_static = "staticmethod" in marks
    called = f"{owner}." if is_static or "classmethod" in marks else ""
    return signature(node, called, place, "####", skip_first=not is_static)


def function(node, prefix, place, level):
    return signature(node, prefix, place, level, skip_first=False)


def signature(node, prefix, place, level, *, skip_first):
    waits = isinstance(node, ast.AsyncFunctionDef) and not (node.returns and "Iterator" in ast.unparse(node.returns))
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    how = "await " if waits else "with " if "contextmanager" in decorators(node) else ""
    head = f"{how}{prefix}{node.name}{parameters(node, skip_first)}{returns}"
    return [f"{level} `{head}`", "", prose(ast.get_docstring(node), place), ""]


def parameters(node, skip_first):
    """As they are written, without the one that a method is called on."""
    arguments = node.args
    if skip_first and (arguments.posonlyargs or arguments.args):
        arguments = ast.arguments(**{field: getattr(arguments, field) for field in arguments._fields})
        arguments.args = arguments.args[1:]
    # Between a type and a default there are blanks, as a person would write it.
    text = re.sub(r"(: [^=]*?)=", r"\1 = ", ast.unparse(arguments))
    return f"({text})"


# From the markup of docstrings to that of the book.


def prose(text, place):
    blocks = re.split(r"\n\s*\n", text or "")
    return "\n\n".join(block_of(block, place) for block in blocks)


def block_of(block, place):
    lines = block.splitlines()
    if lines and set(lines[0]) <= {"=", " "}:
        return table(lines, place)
    if lines and lines[0].startswith(">>>"):
        return "```pycon\n" + block + "\n```"
    return re.sub(r"(?m)^\* ", "- ", inline(block, place))


def table(lines, place):
    width = lines[0].index(" ")
    rows = [(line[:width].strip(), line[width:].strip()) for line in lines[1:-1]]
    merged = []
    for name, text in rows:
        if name:
            merged.append([name, text])
        else:
            merged[-1][1] += f" {text}"
    cells = [f"| {inline(name, place)} | {inline(text, place)} |" for name, text in merged]
    return "\n".join(["| | |", "|---|---|", *cells])


def inline(text, place):
    text = re.sub(r":(?:class|meth|func|mod|attr|data|exc):`~?([^`]+)`", lambda found: linked(found[1], place), text)
    return re.sub(r"``(.+?)``", r"`\1`", text, flags=re.DOTALL)


def linked(name, place):
    shown = name.removeprefix("inferlet.")
    for part in (shown, shown.split(".")[0], shown.split(".")[-1]):
        if part in place:
            return f"[`{shown}`](python-api-{place[part]}.md)"
    return f"`{shown}`"


if __name__ == "__main__":
    main(sys.argv[1])
