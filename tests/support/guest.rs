//! Inferlets in WebAssembly text: what the command line's tests run, built in a moment and without any compiler.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Memory, an allocator that never frees, and `$result`: tag 0 is `ok`, 1 is `err`.
const PRELUDE: &str = r#"
(memory (export "memory") 2)
(global $free (mut i32) (i32.const 8192))
(func $allocate (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32) (local $mask i32)
  (local.set $mask (i32.sub (local.get $align) (i32.const 1)))
  (local.set $at (i32.and
    (i32.add (global.get $free) (local.get $mask))
    (i32.xor (local.get $mask) (i32.const -1))))
  (global.set $free (i32.add (local.get $at) (local.get $size)))
  (local.get $at))
(func $result (param $tag i32) (param $text i32) (param $bytes i32) (result i32)
  (i32.store (i32.const 16) (local.get $tag))
  (i32.store (i32.const 20) (local.get $text))
  (i32.store (i32.const 24) (local.get $bytes))
  (i32.const 16))
"#;

/// A component that exports `pie:NAME/run`. `imports` are the imports of its core module; `fields` are its other fields, which define
/// `(func $run (param $input i32) (param $bytes i32) (result i32))` and may use the addresses from 1024 to 8191.
pub fn component(name: &str, imports: &str, fields: &str) -> Vec<u8> {
    let text = format!(r#"(module {imports} {PRELUDE} {fields} (export "pie:{name}/run#run" (func $run)))"#);
    let mut module = wat::parse_str(&text).expect("the text is WebAssembly");
    let root =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("bakery is in the repository");
    let mut resolve = Resolve::default();
    resolve.push_dir(root.join("wit")).expect("the interface is valid");
    let world = format!(
        "package pie:{name};
         interface run {{ run: func(input: string) -> result<string, string>; }}
         world guest {{ include pie:inferlet/imports; include pie:inferlet/wasi; export run; }}"
    );
    let package = resolve.push_str("guest.wit", &world).expect("the world is valid");
    let world = resolve.select_world(&[package], Some("guest")).expect("the world is there");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the world fits");
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .expect("the module fits the world")
}

/// Answers with `answer`, which is to be JSON.
pub fn answering(answer: &str) -> Vec<u8> {
    returning("guest", 0, answer)
}

/// Returns the error `message`.
pub fn failing(message: &str) -> Vec<u8> {
    failing_as("guest", message)
}

/// The same under another name.
pub fn failing_as(name: &str, message: &str) -> Vec<u8> {
    returning(name, 1, message)
}

fn returning(name: &str, tag: u8, text: &str) -> Vec<u8> {
    let fields = format!(
        r#"(data (i32.const 1024) "{}")
           (func $run (param i32 i32) (result i32)
             (call $result (i32.const {tag}) (i32.const 1024) (i32.const {})))"#,
        escaped(text),
        text.len()
    );
    component(name, "", &fields)
}

/// Answers with its input.
pub fn echoing() -> Vec<u8> {
    echoing_as("guest")
}

/// The same under another name.
pub fn echoing_as(name: &str) -> Vec<u8> {
    let fields = "(func $run (param $input i32) (param $bytes i32) (result i32)
        (call $result (i32.const 0) (local.get $input) (local.get $bytes)))";
    component(name, "", fields)
}

/// Launches `program` with `input`, and answers as it does.
pub fn launching(name: &str, program: &str, input: &str) -> Vec<u8> {
    let imports = r#"
        (import "pie:core/runtime" "launch" (func $launch (param i32 i32 i32 i32 i32)))
        (import "pie:core/runtime" "[method]child.pollable" (func $pollable (param i32) (result i32)))
        (import "pie:core/runtime" "[method]child.get" (func $get (param i32 i32)))
        (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))"#;
    let fields = format!(
        r#"(data (i32.const 1024) "{}") (data (i32.const 2048) "{}")
           (func $run (param i32 i32) (result i32)
             (call $launch (i32.const 1024) (i32.const {}) (i32.const 2048) (i32.const {}) (i32.const 32))
             (if (i32.load8_u (i32.const 32)) (then
               (return (call $result (i32.const 1) (i32.load (i32.const 36)) (i32.load (i32.const 40))))))
             (call $block (call $pollable (i32.load (i32.const 36))))
             (call $get (i32.load (i32.const 36)) (i32.const 48))
             (call $result (i32.load8_u (i32.const 52)) (i32.load (i32.const 56)) (i32.load (i32.const 60))))"#,
        escaped(program),
        escaped(input),
        program.len(),
        input.len(),
    );
    component(name, imports, &fields)
}

/// Launches `program` with the input `{}`, and answers `null` without waiting for it.
pub fn leaving(name: &str, program: &str) -> Vec<u8> {
    let imports = r#"(import "pie:core/runtime" "launch" (func $launch (param i32 i32 i32 i32 i32)))"#;
    let fields = format!(
        r#"(data (i32.const 1024) "{}") (data (i32.const 2048) "{{}}null")
           (func $run (param i32 i32) (result i32)
             (call $launch (i32.const 1024) (i32.const {}) (i32.const 2048) (i32.const 2) (i32.const 32))
             (call $result (i32.const 0) (i32.const 2050) (i32.const 4)))"#,
        escaped(program),
        program.len(),
    );
    component(name, imports, &fields)
}

/// Runs these instructions, for example `unreachable`, and answers `null` if they end.
pub fn doing(instructions: &str) -> Vec<u8> {
    let fields = format!(
        r#"(data (i32.const 1024) "null")
           (func $run (param i32 i32) (result i32)
             {instructions}
             (call $result (i32.const 0) (i32.const 1024) (i32.const 4)))"#
    );
    component("guest", "", &fields)
}

/// Prints `text` to standard output, sends it as a message, and sends it as a file.
pub fn printing(text: &str) -> Vec<u8> {
    let imports = r#"
        (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
        (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
          (func $write (param i32 i32 i32 i32)))
        (import "pie:core/session" "send" (func $send (param i32 i32)))
        (import "pie:core/session" "send-file" (func $send_file (param i32 i32)))"#;
    let fields = format!(
        r#"(data (i32.const 1024) "{}") (data (i32.const 1000) "null")
           (func $run (param i32 i32) (result i32)
             (call $write (call $stdout) (i32.const 1024) (i32.const {bytes}) (i32.const 32))
             (call $send (i32.const 1024) (i32.const {bytes}))
             (call $send_file (i32.const 1024) (i32.const {bytes}))
             (call $result (i32.const 0) (i32.const 1000) (i32.const 4)))"#,
        escaped(text),
        bytes = text.len()
    );
    component("guest", imports, &fields)
}

/// Sends back each message until the session is closed.
pub fn conversing() -> Vec<u8> {
    let imports = r#"
        (import "pie:core/session" "send" (func $send (param i32 i32)))
        (import "pie:core/session" "receive" (func $receive (result i32)))
        (import "pie:core/types" "[method]future-string.pollable" (func $pollable (param i32) (result i32)))
        (import "pie:core/types" "[method]future-string.get" (func $get (param i32 i32)))
        (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))"#;
    let fields = r#"(data (i32.const 1000) "null")
        (func $run (param i32 i32) (result i32)
          (local $future i32)
          (loop $next
            (local.set $future (call $receive))
            (call $block (call $pollable (local.get $future)))
            (call $get (local.get $future) (i32.const 32))
            (if (i32.load (i32.const 32)) (then
              (call $send (i32.load (i32.const 36)) (i32.load (i32.const 40)))
              (br $next))))
          (call $result (i32.const 0) (i32.const 1000) (i32.const 4)))"#;
    component("guest", imports, fields)
}

/// The bytes of a string of WebAssembly text.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("\\{byte:02x}")).collect()
}
