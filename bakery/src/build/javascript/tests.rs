use std::path::Path;

use super::bundle::{Bundle, Wanted, program};
use crate::error::Result;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

fn bundled(root: &Path) -> Result<Bundle> {
    program(Wanted { root, entry: &root.join("main.ts"), packages: None, texts: false })
}

const MAIN: &str =
    "import { b } from './b.ts';\nexport async function main(): Promise<string> {\n  return b;\n}\n";

#[test]
fn the_same_files_elsewhere_are_the_same_bundle() {
    let files = [("main.ts", MAIN), ("b.ts", "export const b = 'é';\n")];
    let (one, two) = (folder(&files), folder(&files));
    let (first, second) = (bundled(one.path()).unwrap(), bundled(two.path()).unwrap());
    assert_eq!((&first.script, &first.mappings), (&second.script, &second.mappings));
    assert_eq!(first.names, ["main.ts", "b.ts"]);
    assert!(!first.script.contains("Promise<string>"), "{}", first.script);
    assert_eq!(first.files.len(), 2);
}

#[test]
fn what_goes_to_the_runtime_is_ascii_and_means_the_same() {
    let root = folder(&[("main.ts", "export const main = async () => 'é 𝒳';\n")]);
    let bundle = bundled(root.path()).unwrap();
    let json = bundle.json();
    assert!(json.is_ascii());
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["script"], bundle.script.as_str());
}

#[test]
fn a_type_is_no_import_and_a_call_that_is_left_alone_is_watched() {
    let root = folder(&[(
        "main.ts",
        "import type { T } from './gone.ts';\nimport { U } from './gone.ts';\nexport async function main(t: T, u: U) {\n  start();\n  void start();\n}\nasync function start() {}\n",
    )]);
    let script = bundled(root.path()).unwrap().script;
    assert_eq!(script.matches("__inferlet_floating(start())").count(), 2, "{script}");
    assert!(!script.contains("gone"), "{script}");
}

/// The lines of a program that note where it is.
fn noted(source: &str) -> String {
    let root = folder(&[("main.ts", source)]);
    let script = bundled(root.path()).unwrap().script;
    let body = &script[script.find("use strict").unwrap()..];
    let lines = body.lines().filter(|line| line.contains("__inferlet_at.")).map(str::trim);
    lines
        .collect::<Vec<_>>()
        .join(" ")
        .replace("__inferlet_at.at = ", "#")
        .replace("__inferlet_at.returned = ", "##")
}

#[test]
fn programs_note_their_line_where_they_may_be_cut_off() {
    // Nothing is called and nothing loops.
    assert_eq!(
        noted("export function main(x: number) {\n  return_: { x += 1; }\n  if (x > 1) x = 2;\n}\n"),
        ""
    );
    // Loops are noted in front if nothing in them leads elsewhere, and in each turn otherwise: by what a turn begins with, if that notes its line.
    let source = "export function main(x: number) {\n  let y = x;\n  outer: while (y > 0) y -= 1;\n  for (;;) {\n    f(y);\n  }\n}\nfunction f(y: number) {\n  for (const z of [y]) y += z;\n  for (;;) {\n    if (y) continue;\n    f(y);\n  }\n}\n";
    assert_eq!(
        noted(source),
        "#3; #5, __inferlet_floating(f(y)); for (const z of [y]) #9, y += z; for (; #10, true;) { #12, __inferlet_floating(f(y));"
    );
}

#[test]
fn what_was_called_before_is_not_taken_for_what_runs() {
    let source = "const f = (n: number): string => n < 2 ? '' : f(n - 1) + f(n - 2);\nexport function main(n: number) {\n  const text = f(n) + 'x'.repeat(n);\n  return text;\n}\n";
    assert_eq!(
        noted(source),
        "const f = (n) => (#1, n < 2 ? \"\" : f(n - 1) + f(n - 2)); const text = (#3, f(n) + (#3, \"x\".repeat(n))); return ##4, text;"
    );
    // Between arguments that call and one that does not.
    let source = "export function main(f: () => string) {\n  const text = 'x'.padEnd(f().length,\n    'y');\n  return text.replace('x', f());\n}\n";
    assert_eq!(
        noted(source),
        "const text = (#2, \"x\".padEnd(f().length, (#2, \"y\"))); return ##4, #4, text.replace(\"x\", [f(), #4][0]);"
    );
    // Behind a last argument that calls, and behind what a method without arguments is called of; not where that is done at once.
    let source = "export function main(f: () => string[]) {\n  const text = f().sort();\n  text.concat(\n    ...f());\n  text.push(f()[0]);\n}\n";
    assert_eq!(
        noted(source),
        "const text = (#2, [f(), #2][0].sort()); #3, __inferlet_floating(text.concat(...[f(), #3][0])); #5, __inferlet_floating(text.push(f()[0]));"
    );
}

#[test]
fn what_is_waited_for_notes_its_line_when_it_is_there() {
    let source = "export async function main(f: () => Promise<void>) {\n  const one = f();\n  await one;\n  return await f();\n}\n";
    assert_eq!(
        noted(source),
        "const one = (#2, __inferlet_kept(f())); #3, await one; return ##4, #4, await __inferlet_awaited(f(), 4);"
    );
}

#[test]
fn the_line_where_main_returns_is_noted_whatever_it_is_called_inside() {
    // Where functions in it return does not count.
    let source =
        "export const main = async () => {\n  const g = () => {\n    return 1;\n  };\n\n  return g;\n};\n";
    assert_eq!(noted(source), "return ##6, g;");
    let source =
        "async function run() {\n  return 1;\n}\nfunction other() { return 2; }\nexport { run as main };\n";
    assert_eq!(noted(source), "return ##2, 1;");
    let root = folder(&[
        ("main.ts", "export { begin as main } from './b.ts';\n"),
        ("b.ts", "export * from './c.ts';\nexport function main() { return 0; }\n"),
        ("c.ts", "export const begin = () => 1;\n"),
    ]);
    let script = bundled(root.path()).unwrap().script;
    assert_eq!(script.matches("__inferlet_at.returned").count(), 1, "{script}");
    assert!(script.contains("(__inferlet_at.returned = 2097153, 1)"), "{script}");
}

#[test]
fn mistakes_show_their_place() {
    for (source, message, at) in [
        ("export async function main() { return 1 +; }", "does not build", 41),
        ("import x from './x.ts'; export async function main() { return x; }", "there is no `./x.ts`", 14),
        ("export async function main() { return window; }", "there is no `window`", 38),
        ("export async function main() { return require; }", "CommonJS", 38),
    ] {
        let root = folder(&[("main.ts", source)]);
        let error = bundled(root.path()).unwrap_err();
        assert!(error.message.contains(message), "{error}");
        assert_eq!(error.place.unwrap().span.start, at, "{source}");
    }
}

#[test]
fn a_program_without_a_main_is_refused_unless_it_may_export_one() {
    let root = folder(&[("main.ts", "export default 1;\n")]);
    assert!(bundled(root.path()).unwrap_err().message.contains("no `main`"));
    let root =
        folder(&[("main.ts", "export * from './b.ts';\n"), ("b.ts", "export async function main() {}\n")]);
    assert!(!bundled(root.path()).unwrap().responds);
    let root = folder(&[("main.ts", "export * from './b.ts';\n"), ("b.ts", "export const other = 1;\n")]);
    assert!(bundled(root.path()).unwrap_err().message.contains("no `main`"));
}

#[test]
fn a_program_with_a_handle_responds_and_one_with_both_is_refused() {
    let handle = "export async function handle(request: Request) { return 'x'; }\n";
    let root = folder(&[("main.ts", handle)]);
    assert!(bundled(root.path()).unwrap().responds);
    let root = folder(&[("main.ts", "export * from './b.ts';\n"), ("b.ts", handle)]);
    assert!(bundled(root.path()).unwrap().responds);
    let both = format!("export function main() {{}}\n{handle}");
    let root = folder(&[("main.ts", &both)]);
    let error = bundled(root.path()).unwrap_err();
    assert!(error.message.contains("both `main` and `handle`"), "{error}");
    assert_eq!(Some(error.place.unwrap().span.start), both.find("function handle"));
}
