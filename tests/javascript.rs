//! Programs in JavaScript and TypeScript: run as they are, built, and what is said about their mistakes.

use crate::support::folder::{self, text};
use crate::support::javascript;

/// A folder with a program.
type Folder = folder::Folder<javascript::JavaScript>;

/// What a program in this file answers.
#[track_caller]
fn answers(file: &str, source: &str, arguments: &[&str], expected: &str) {
    let folder = Folder::new(&[(file, source)]);
    let output = folder.bakery(&[&["run", file], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).trim_end(), expected);
}

/// `main.ts` fails, with this exit code and all of these on standard error.
#[track_caller]
fn fails(source: &str, arguments: &[&str], code: i32, said: &[&str]) {
    let folder = Folder::new(&[("main.ts", source)]);
    folder.fails(&[&["run", "main.ts"], arguments].concat(), code, said);
}

impl Folder {
    #[track_caller]
    fn fails(&self, arguments: &[&str], code: i32, said: &[&str]) {
        let output = self.bakery(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        for part in said {
            assert!(stderr.contains(part), "`{part}` is not in\n{stderr}");
        }
        assert!(!stderr.contains("panicked"), "{stderr}");
    }

    #[track_caller]
    fn answers(&self, arguments: &[&str], expected: &str) {
        let output = self.bakery(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout).trim_end(), expected);
    }
}

const GREETER: &str = "interface Input { name: string; times?: number }\n\
    export async function main({ name, times = 2 }: Input): Promise<{ hello: string[] }> {\n  return { hello: Array(times).fill(name) };\n}\n";

#[test]
fn a_file_runs_with_parameters_from_its_types() {
    answers("main.ts", GREETER, &["--", "--name", "Ada"], r#"{"hello":["Ada","Ada"]}"#);
    answers("main.ts", GREETER, &["--", "--name", "Ada", "--times", "1"], r#"{"hello":["Ada"]}"#);
    fails(GREETER, &["--", "--name", "Ada", "--times", "x"], 2, &["`times`"]);
    fails(GREETER, &[], 2, &["the parameter `name` is missing"]);
    fails(GREETER, &["--input", "{\"name\": 3}"], 2, &["`name`"]);
    let javascript = "/** @param {{ name: string }} input */\nexport const main = async ({ name }) => `Hello, ${name}!`;\n";
    answers("main.js", javascript, &["--", "--name", "Ada"], "Hello, Ada!");
}

#[test]
fn a_changed_file_runs_as_it_is_now() {
    let folder = Folder::new(&[("main.ts", "export async function main() { return 1; }\n")]);
    folder.answers(&["run", "main.ts"], "1");
    folder.write("main.ts", "export async function main() { return 2; }\n");
    folder.answers(&["run", "main.ts"], "2");
}

#[test]
fn passes_of_two_promises_share_steps() {
    let source = "import { Context, Model, Sampler } from 'inferlet';\n\
        async function say(model: Model, text: string) {\n  using ctx = new Context(model);\n  ctx.user(text);\n  \
        return await ctx.generate(Sampler.argmax(), { maxTokens: 8 }).collectText();\n}\n\
        export async function main() {\n  const model = Model.load('default');\n  return (await Promise.all([say(model, 'a'), say(model, 'b')])).length;\n}\n";
    let folder = Folder::new(&[("main.ts", source)]);
    let output = folder.bakery(&["run", "main.ts", "--trace", "trace.jsonl"]);
    assert_eq!(text(&output.stdout), "2\n", "{}", text(&output.stderr));
    let trace = std::fs::read_to_string(folder.path("trace.jsonl")).unwrap();
    let (passes, steps) =
        (trace.matches("\"event\":\"pass\"").count(), trace.matches("\"event\":\"step\"").count());
    assert_eq!((passes, steps), (16, 8), "two passes in each step\n{trace}");
}

#[test]
fn modules_import_each_other_and_data_from_beside_them() {
    let folder = Folder::new(&[
        (
            "main.ts",
            "import greeting, { shout } from './words.js';\nimport * as data from './data.json';\nimport text from './prompt.txt';\n\
             import { late } from './late.ts';\nexport async function main() {\n  const { lazy } = await import('./lazy.mjs');\n  \
             return [shout(greeting), data.default.n, text, late, lazy];\n}\n",
        ),
        (
            "words.ts",
            "const hello = 'hello';\nexport default hello;\nexport const shout = (text: string) => text.toUpperCase();\n",
        ),
        ("data.json", "{ \"n\": 3 }"),
        ("prompt.txt", "é \"x\""),
        ("late.ts", "export const late: string = await Promise.resolve('late');\n"),
        ("lazy.mjs", "export * from './more.mjs';\n"),
        ("more.mjs", "export const lazy = import.meta.url;\n"),
    ]);
    folder.answers(&["run", "main.ts"], r#"["HELLO",3,"é \"x\"","late","inferlet:///more.mjs"]"#);
}

#[test]
fn modules_in_a_circle_see_what_the_other_has_so_far() {
    let folder = Folder::new(&[
        ("main.ts", "import { a } from './a.ts';\nexport async function main() { return a(); }\n"),
        (
            "a.ts",
            "import { b } from './b.ts';\nexport function a() { return b() + 1; }\nexport const one = 1;\n",
        ),
        ("b.ts", "import { one } from './a.ts';\nexport function b() { return one + 40; }\n"),
    ]);
    folder.answers(&["run", "main.ts"], "42");
}

#[test]
fn packages_come_from_node_modules_in_both_kinds_of_modules() {
    let folder = Folder::new(&[
        (
            "package.json",
            r#"{ "name": "user", "type": "module", "dependencies": { "modern": "1", "common": "1" } }"#,
        ),
        (
            "main.ts",
            "import { twice } from 'modern/tools';\nimport common, { named } from 'common';\nexport async function main() { return [twice(2), common(3), named]; }\n",
        ),
        (
            "node_modules/modern/package.json",
            r#"{ "name": "modern", "type": "module", "exports": { "./tools": { "import": "./lib/tools.js" } } }"#,
        ),
        ("node_modules/modern/lib/tools.js", "export const twice = (n) => 2 * n;\n"),
        ("node_modules/common/package.json", r#"{ "name": "common", "main": "index.js" }"#),
        (
            "node_modules/common/index.js",
            "const inner = require('./inner');\nmodule.exports = (n) => inner(n);\nmodule.exports.named = process.env.NODE_ENV;\n",
        ),
        ("node_modules/common/inner.js", "module.exports = function (n) { return n * 3; };\n"),
    ]);
    folder.answers(&["run", "."], r#"[4,9,"production"]"#);
}

#[test]
fn a_package_that_is_missing_is_named() {
    let folder =
        Folder::new(&[("main.ts", "import { z } from 'zod';\nexport async function main() { return z; }\n")]);
    folder.fails(&["run", "main.ts"], 1, &["main.ts:1:19", "no package `zod`", "npm install zod"]);
    folder.write("package.json", r#"{ "name": "user", "dependencies": { "zod": "4" } }"#);
    folder.fails(&["run", "."], 2, &["`zod` is not installed"]);
}

#[test]
fn what_has_no_main_is_told_what_to_export() {
    fails("export const x = 1;\n", &[], 1, &["`main.ts`", "exports no `main`", "export async function main"]);
    fails(
        "const x = 1;\nexport default async function () {}\n",
        &[],
        1,
        &["main.ts:2:1", "exports no `main`"],
    );
    fails("export const main = 3;\n", &[], 1, &["`main`", "function"]);
}

#[test]
fn a_mistake_in_the_syntax_has_its_line() {
    fails(
        "export async function main() {\n  const x = = 1;\n}\n",
        &[],
        1,
        &["main.ts:2:13", "does not build"],
    );
}

#[test]
fn what_is_no_part_of_an_inferlet_is_refused_with_its_line_and_a_hint() {
    fails(
        "const fs = require('fs');\nexport async function main() {}\n",
        &[],
        1,
        &["main.ts:1:12", "CommonJS", "`import"],
    );
    fails("module.exports = { main() {} };\n", &[], 1, &["main.ts:1:1", "CommonJS"]);
    fails(
        "import fs from 'fs';\nexport async function main() { return fs; }\n",
        &[],
        1,
        &["main.ts:1:16", "Node.js", "`node:fs/promises`"],
    );
    fails(
        "import { join } from 'node:path';\nexport async function main() { return join; }\n",
        &[],
        1,
        &["main.ts:1:22", "`node:path`"],
    );
    fails(
        "export async function main() {\n  return Buffer.from('a');\n}\n",
        &[],
        1,
        &["main.ts:2:10", "no `Buffer`", "`Uint8Array`"],
    );
    answers(
        "main.ts",
        "export async function main() { return typeof process === 'undefined' ? 'none' : process.pid; }\n",
        &[],
        "none",
    );
}

#[test]
fn an_import_of_what_is_not_there_has_its_line() {
    fails(
        "export async function main() {\n  return import('./gone.ts');\n}\n",
        &[],
        1,
        &["main.ts:2:17", "no `./gone.ts`"],
    );
    fails(
        "import { gone } from 'inferlet';\nexport async function main() { return gone; }\n",
        &[],
        1,
        &["main.ts:1", "exports no `gone`"],
    );
    fails(
        "export async function main() {\n  const name = './x.ts';\n  return import(name);\n}\n",
        &[],
        1,
        &["main.ts:3", "`./x.ts`"],
    );
}

#[test]
fn an_exception_is_the_error_with_the_place_in_the_source() {
    let source = "interface Flour { kilos: number }\n\nfunction bake(flour: Flour): never {\n  throw new RangeError(`no flour: ${flour.kilos}`);\n}\n\n\
        export async function main() {\n  await null;\n  bake({ kilos: 0 });\n}\n";
    fails(source, &[], 1, &["RangeError", "no flour: 0", "main.ts:4", "main.ts:9"]);
    fails(
        "const x: any = undefined;\nexport const y = x.z;\nexport async function main() {}\n",
        &[],
        1,
        &["TypeError", "main.ts:2"],
    );
    fails("export async function main() { throw 'a text'; }\n", &[], 1, &["a text"]);
}

#[test]
fn a_rejection_that_nobody_awaits_is_the_error_of_the_run() {
    let source = "async function bake() {\n  await null;\n  throw new Error('no oven');\n}\nexport async function main() {\n  bake();\n  \
        await new Promise((resolve) => setTimeout(resolve, 10));\n  return 1;\n}\n";
    fails(source, &[], 1, &["no oven", "main.ts:3"]);
}

#[test]
fn a_kept_promise_that_rejects_and_that_nobody_awaits_is_the_error_of_the_run() {
    let bake = "async function bake(n: number) {\n  await null;\n  if (n > 1) throw new Error(`no oven ${n}`);\n  return n;\n}\n";
    let lost = |body: &str| {
        let source = format!("{bake}export async function main() {{\n{body}\n  return 1;\n}}\n");
        fails(&source, &[], 1, &["no oven", "main.ts:3"]);
    };
    lost("  const bread = bake(2);");
    lost("  let bread;\n  bread = bake(2);\n  await null;\n  await null;\n  await null;");
    lost("  const all = [bake(1), bake(2)];\n  await all[0];");
    lost("  const all: Promise<number>[] = [];\n  all.push(bake(2));");
    lost(
        "  const bread = new Promise((_, reject) => bake(2).catch(reject));\n  await new Promise((resolve) => setTimeout(resolve, 5));",
    );
    let source = format!(
        "{bake}export async function main() {{\n  const log: string[] = [];\n  const one = bake(2);\n  const two = bake(3);\n  const three = bake(1);\n  \
         const four = bake(4);\n  const five = bake(5);\n  await new Promise((resolve) => setTimeout(resolve, 5));\n  \
         try {{ await one; }} catch (error) {{ log.push((error as Error).message); }}\n  two.catch((error) => log.push(error.message));\n  \
         const all = await Promise.allSettled([three, four]);\n  log.push(all.map((each) => each.status).join());\n  \
         const pass = async (given: Promise<number>) => given;\n  await pass(five).catch((error) => log.push(error.message));\n  return log;\n}}\n"
    );
    answers("main.ts", &source, &[], r#"["no oven 2","no oven 3","fulfilled,rejected","no oven 5"]"#);
}

#[test]
fn a_result_that_is_no_json_is_named_with_its_place() {
    fails(
        "export async function main() {\n  const a: any = { b: [] };\n  a.b.push(a);\n  return a;\n}\n",
        &[],
        1,
        &["`main.ts`, line 4", "`b[0]`", "contains itself"],
    );
    fails(
        "export async function main() {\n  if (Math.PI < 3) return 1;\n\n  return { a: [1n] };\n}\n",
        &[],
        1,
        &["`main.ts`, line 4", "BigInt", "a[0]"],
    );
    fails("\nexport const main = async () => ({ a: 1n });\n", &[], 1, &["`main.ts`, line 2", "BigInt"]);
    fails(
        "async function run() {\n  return 1n;\n}\nexport { run as main };\n",
        &[],
        1,
        &["`main.ts`, line 2", "BigInt"],
    );
}

#[test]
fn an_endless_loop_ends_at_the_limit_of_fuel() {
    fails("export async function main() {\n  for (;;) {}\n}\n", &[], 1, &["fuel", "`main.ts`, line 2"]);
    fails(
        "function spin(n: number): number {\n\n  let i = n;\n  while (i > 0) i += 1;\n  return i;\n}\nexport const main = async () => spin(1);\n",
        &[],
        1,
        &["fuel", "`main.ts`, line 4"],
    );
}

#[test]
fn what_takes_all_memory_ends_with_an_error() {
    fails(
        "export async function main() {\n  const all: Uint8Array[] = [];\n  for (;;) all.push(new Uint8Array(1 << 22));\n}\n",
        &[],
        1,
        &["memory", "`main.ts`, line 3"],
    );
}

#[test]
fn a_stack_that_is_too_deep_is_an_error() {
    fails(
        "function down(n: number): number {\n  return down(n + 1) + 1;\n}\nexport async function main() {\n  return down(0);\n}\n",
        &[],
        1,
        &["stack", "`main.ts`, line 2"],
    );
}

#[test]
fn classes_keep_the_names_of_their_variables() {
    let source = "const f = () => 1;\nconst Loaf = class { x = f(); };\nexport async function main() { return [Loaf.name, new Loaf().x]; }\n";
    answers("main.ts", source, &[], r#"["Loaf",1]"#);
}

#[test]
fn who_is_cut_off_is_not_who_was_called_before() {
    fails(
        "const helper = (n: number) => String(n);
export async function main() {
  const all: string[] = [];
  for (let i = 0; ; i += 1) {
             const x = helper(i);
    all.push(x.padEnd(1 << 20, 'x'));
  }
}
",
        &[],
        1,
        &["fuel", "`main.ts`, line 6"],
    );
    // Nor for its last argument.
    fails(
        "const text = (n: number) => {
  return 'a'.repeat(n) + '!';
};
export async function main() {
  return /^(a+)+$/.test(text(64));
}
",
        &[],
        1,
        &["fuel", "`main.ts`, line 5"],
    );
}

#[test]
fn timers_and_using_and_iteration_work() {
    let source = "const log: string[] = [];\nclass Thing { constructor(readonly name: string) {} [Symbol.dispose]() { log.push(`-${this.name}`); } }\n\
        async function* numbers() { for (let n = 0; n < 3; n++) { await new Promise((r) => setTimeout(r, 5)); yield n; } }\n\
        export async function main() {\n  { using a = new Thing('a'); using b = new Thing('b'); log.push('in'); }\n  \
        for await (const n of numbers()) log.push(String(n));\n  queueMicrotask(() => log.push('micro'));\n  await null;\n  \
        try { await new Promise((_, reject) => AbortSignal.timeout(3).addEventListener('abort', () => reject(new Error('late')))); } catch (error) { log.push((error as Error).message); }\n  \
        return log;\n}\n";
    answers("main.ts", source, &[], r#"["in","-b","-a","0","1","2","micro","late"]"#);
}

#[test]
fn enums_namespaces_and_other_typescript_work() {
    let source = "enum Mood { Glad = 'glad', Sad = 'sad' }\nnamespace Words { export const hello = 'hello'; }\n\
        abstract class Base { constructor(protected readonly mood: Mood) {} abstract say(): string; }\n\
        class Speaker extends Base { say() { return `${Words.hello} ${this.mood}`; } }\n\
        export async function main() { return new Speaker(Mood.Glad).say() satisfies string; }\n";
    answers("main.ts", source, &[], "hello glad");
}

#[test]
fn random_numbers_and_time_follow_from_the_seed() {
    let source = "export async function main() { return [Math.random(), crypto.getRandomValues(new Uint8Array(2)).length, Date.now() === Date.now()]; }\n";
    let folder = Folder::new(&[("main.ts", source)]);
    let run = |seed: &str| text(&folder.bakery(&["run", "main.ts", "--seed", seed]).stdout);
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
}

#[test]
fn a_program_launches_many_of_its_own_kind() {
    let manifest = "[package]\nname = \"many\"\nversion = \"0.1.0\"\n[parameters]\nn = \"int\"\n[dependencies]\nmany = { path = \".\" }\n";
    let source = "import { launch } from 'inferlet';\nexport async function main({ n }: { n: number }): Promise<number> {\n  \
        if (n === 0) { await new Promise((resolve) => setTimeout(resolve, 1000)); return 1; }\n  \
        const all = await Promise.all(Array.from({ length: n }, () => launch('many', { n: 0 }).answer()));\n  return all.reduce((a: number, b) => a + (b as number), 0);\n}\n";
    let folder = Folder::new(&[
        ("Pie.toml", manifest),
        ("package.json", "{}"),
        ("tsconfig.json", "{}"),
        ("main.ts", source),
    ]);
    // More than there are places for at once: the others stand in line.
    folder.answers(&["run", ".", "--", "--n", "100"], "100");
}

/// `bakery build --json`, which succeeds.
#[track_caller]
fn built(folder: &Folder, arguments: &[&str]) -> serde_json::Value {
    let output = folder.bakery_with_tools(&[&["build"], arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_build_has_manifest_and_provenance_and_does_nothing_twice() {
    let folder = Folder::new(&[("main.ts", GREETER)]);
    let document = built(&folder, &["main.ts"]);
    assert_eq!((&document["fresh"], &document["name"]), (&false.into(), &"main".into()));
    assert_eq!(
        (&document["component"]["form"], &document["component"]["export"]),
        (&"async".into(), &"pie:main/run".into())
    );
    let again = built(&folder, &["main.ts"]);
    assert_eq!((&again["fresh"], &again["digest"]), (&true.into(), &document["digest"]));
    let wasm = std::fs::read(document["path"].as_str().unwrap()).unwrap();
    let manifest = bakery::build::embedded_manifest(&wasm).unwrap().unwrap();
    assert!(manifest.contains("times = { type = \"float\", default = 2.0 }"), "{manifest}");
    let provenance = bakery::build::sections::find(&wasm, bakery::build::sections::PROVENANCE).unwrap();
    assert!(text(provenance).contains("componentize-qjs"), "{}", text(provenance));

    let elsewhere = Folder::new(&[("main.ts", GREETER)]);
    let other = built(&elsewhere, &["main.ts"]);
    assert_eq!(other["digest"], document["digest"], "the same sources in another folder give the same bytes");
}

#[test]
fn what_is_built_leaves_the_trace_of_what_runs_as_it_is() {
    let source = "import { Context, Model, Sampler } from 'inferlet';\nimport { question } from './question.ts';\n\
        export async function main({ name }: { name: string }) {\n  console.log('asking');\n  using ctx = new Context(Model.load('default'));\n  ctx.user(question(name));\n  \
        return await ctx.generate(Sampler.topP(0.7, 0.9), { maxTokens: 12 }).collectText();\n}\n";
    let folder = Folder::new(&[
        ("main.ts", source),
        ("question.ts", "export const question = (name: string) => `Greet ${name}.`;\n"),
    ]);
    let document = built(&folder, &["main.ts", "-o", "main.wasm"]);
    assert_eq!(document["fresh"], false);
    for (target, trace) in [("main.ts", "bare.jsonl"), ("main.wasm", "built.jsonl")] {
        let output = folder.bakery(&["run", target, "--seed", "3", "--trace", trace, "--", "--name", "Ada"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let read = |name: &str| std::fs::read_to_string(folder.path(name)).unwrap();
    assert_eq!(read("bare.jsonl"), read("built.jsonl"));
}

#[test]
fn errors_of_what_is_built_lead_back_to_the_source() {
    let source = "type N = number;\n\nexport async function main() {\n  const n: N = 1;\n  throw new Error(`no ${n}`);\n}\n";
    let folder = Folder::new(&[("main.ts", source)]);
    built(&folder, &["main.ts", "-o", "main.wasm"]);
    folder.fails(&["run", "main.wasm"], 1, &["no 1", "main.ts:5"]);
    built(&folder, &["main.ts", "--debug", "-o", "debug.wasm"]);
    folder.fails(&["run", "debug.wasm"], 1, &["no 1", "main.ts:5", "throw new Error(`no ${n}`)"]);
}

#[test]
fn types_are_checked_by_a_build_unless_it_is_told_not_to() {
    let folder = Folder::new(&[(
        "main.ts",
        "export async function main() {\n  const n: number = 'a';\n  return n;\n}\n",
    )]);
    let output = folder.bakery_with_tools(&["build", "main.ts"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for part in ["main.ts:2:9", "is not assignable to type 'number'", "`--no-check`"] {
        assert!(stderr.contains(part), "`{part}` is not in\n{stderr}");
    }
    built(&folder, &["main.ts", "--no-check"]);
    folder.answers(&["run", "main.ts"], "a");
}

#[test]
fn syntax_that_the_engine_does_not_know_is_no_mistake_of_ours() {
    let folder = Folder::new(&[(
        "main.js",
        "export async function main() {\n  return /(?<a>x)|(?<a>y)[[]/v.source;\n}\n",
    )]);
    for command in ["run", "build"] {
        folder.fails(&[command, "main.js"], 1, &["main.js"]);
    }
}

#[test]
fn a_plan_says_what_a_build_would_do() {
    let folder = Folder::new(&[("main.ts", GREETER)]);
    let output = folder.bakery(&["build", "main.ts", "--plan"]);
    let stdout = text(&output.stdout);
    for part in ["bundle `", "main.ts` with what it imports", "check its types", "main.wasm"] {
        assert!(stdout.contains(part), "`{part}` is not in\n{stdout}");
    }
    assert!(!folder.path("target").exists());
}
