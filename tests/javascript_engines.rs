//! Programs in JavaScript that respond to requests, and the engine that they choose. What both engines do with the examples, `examples.rs` compares.

use crate::support::folder::{self, text};
use crate::support::javascript;

type Folder = folder::Folder<javascript::JavaScript>;

const OVEN: &str = r#"
[package]
name = "oven"
version = "0.1.0"

[[test]]
name = "value"
request = { path = "/value?a=1", headers = { x-shop = "mill" } }
expect = { status = 200, equals = '["GET","/value","?a=1","mill"]' }

[[test]]
name = "pieces"
request = { path = "/pieces", body = '["rye","spelt"]' }
expect = { status = 200, equals = "rye;spelt;" }

[[test]]
name = "mistake"
request = { path = "/mistake" }
expect = { status = 500, contains = "`main.ts`, line 10: TypeError" }

[[test]]
name = "said"
request = { path = "/said" }
expect = { status = 500, equals = "no flour\n" }

[[test]]
name = "status"
request = { path = "/status" }
expect = { status = 500, contains = "no status of a response" }

[[test]]
name = "asks"
request = { path = "/asks" }
expect = { status = 500, contains = "the manifest permits no hosts" }
"#;

const PROGRAM: &str = r#"async function* pieces(texts: string[]) {
  for (const text of texts) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    yield `${text};`;
  }
}
export async function handle(request: Request): Promise<unknown> {
  const { pathname, search } = new URL(request.url);
  if (pathname === '/value') return [request.method, pathname, search, request.headers.get('x-shop')];
  if (pathname === '/mistake') return (undefined as any).x;
  if (pathname === '/pieces') return new Response(pieces(await request.json()));
  if (pathname === '/status') return new Response('', { status: 9999 });
  if (pathname === '/asks') return await fetch('https://a.example/');
  throw new Error('no flour');
}
"#;

#[test]
fn a_program_responds_to_requests_at_once_or_piece_by_piece_and_its_mistakes_are_responses() {
    let folder = Folder::new(&[("Pie.toml", OVEN), ("main.ts", PROGRAM)]);
    let output = folder.bakery(&["test"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let output = folder.bakery(&["run", "."]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("responds to HTTP requests"), "{}", text(&output.stderr));
}

#[test]
fn an_engine_is_chosen_where_there_is_one_to_choose() {
    let folder = Folder::new(&[
        ("main.ts", "export async function main() {}\n"),
        ("main.py", "async def main(): pass\n"),
    ]);
    for (arguments, said) in [
        (&["run", "main.ts", "--engine", "v8"][..], "[possible values: quickjs, spidermonkey]"),
        (&["run", "main.py", "--engine", "quickjs"], "`quickjs` is an engine for JavaScript and TypeScript"),
        (&["build", "main.py", "--engine", "spidermonkey"], "`main` is in python"),
    ] {
        let output = folder.bakery(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
    folder.write("Pie.toml", "[package]\nname = \"a\"\nversion = \"0.1.0\"\n[build]\nlanguage = \"typescript\"\nengine = \"spidermonky\"\n");
    let output = folder.bakery(&["run", "."]);
    let stderr = text(&output.stderr);
    assert!(stderr.contains("unknown engine `spidermonky`") && stderr.contains("spidermonkey"), "{stderr}");
}
