//! What QuickJS is begun with: the interface, the SDK, and a program or the way one comes in. Its memory is kept then ([`pie_engine::Beginning`]).

use std::fmt::Write;
use std::path::Path;

use pie_engine::{Beginning, PreinitError};

use super::bundle::Bundle;
use super::dense;
use super::link::World;
use super::sdk::Sdk;
use crate::build::Digest;
use crate::error::{Error, Result};
use crate::project::Interpreter;

/// What is around every program.
const LANGUAGE: &str = include_str!("language.js");

/// What the script is called in stacks. The SDK leaves frames of this name out.
const NAME: &str = "inferlet:runtime";

/// The interface that gives a program that comes in at run time.
const STDIN: &str = "wasi:cli/stdin";

/// What is imported only where a program asks or responds.
const HTTP: &str = "wasi:http/";
/// What a program needs of it that responds.
const HTTP_TYPES: &str = "wasi:http/types";

/// What an engine without async functions of the component model does not have, and the module of the SDK that takes its place.
const WAIT: &str = "pie:core/wait";
const POLLABLES: &str = "inferlet/wait-pollables";

/// The release of WASI in `wit/`, which SpiderMonkey has in the names of its modules.
const WASI: &str = "0.2.12";

/// Which program is in the component.
#[derive(Clone, Copy, Debug)]
pub enum Inside<'a> {
    /// This one.
    Program(&'a Bundle),
    /// None: it comes in by standard input.
    Nothing,
}

/// Of all that is not the SDK's or the program's.
pub fn digest() -> Digest {
    Digest::of_parts([LANGUAGE, ANSWER, RUN, RESPOND, REPLACES])
}

/// The script for a component with the SDK.
pub fn script(sdk: &Sdk, inside: Inside<'_>, world: World, engine: Interpreter) -> String {
    let is_here = |name: &str| match name {
        WAIT => engine == Interpreter::QuickJs,
        HTTP_TYPES => world.network || world.responds,
        name => world.network || !name.starts_with(HTTP),
    };
    let interfaces = || sdk.bundle.outside.iter().filter(|name| is_here(name)).enumerate();
    let mut script = format!("import * as inferletStdin from \"{}\";\n", module(STDIN, engine));
    for (index, name) in interfaces() {
        let _ = writeln!(script, "import * as inferlet{index} from \"{}\";", module(name, engine));
    }
    let _ = writeln!(script, "const inferletEngine = \"{}\";", engine.title());
    if engine == Interpreter::SpiderMonkey {
        script.push_str(REPLACES);
    }
    script.push_str(LANGUAGE);
    script.push_str("\nconst inferletInterface = {\n");
    for (index, name) in interfaces() {
        let _ = writeln!(script, "    \"{name}\": inferlet{index},");
    }
    if let Some(number) = sdk.modules.get(POLLABLES).filter(|_| engine == Interpreter::SpiderMonkey) {
        let _ = writeln!(script, "    get \"{WAIT}\"() {{ return inferletSdk.begin({number}); }},");
    }
    let _ = write!(
        script,
        "}};\nconst inferletSdk = link({}, (name) => known(inferletInterface, name));\n",
        sdk.bundle.script
    );
    script.push_str("const inferletModules = {\n");
    for (specifier, number) in &sdk.modules {
        let _ = writeln!(script, "    \"{specifier}\": inferletSdk.begin({number}),");
    }
    script.push_str(ANSWER);
    match inside {
        Inside::Program(bundle) => {
            let _ = write!(
                script,
                "const inferletProgram = program({});\nconst loaded = () => inferletProgram;\n",
                bundle.json()
            );
        }
        Inside::Nothing => script.push_str("const loaded = () => program(received());\n"),
    }
    script.push_str(if world.responds { RESPOND } else { RUN });
    script
}

/// What the module of an interface is called.
fn module(interface: &str, engine: Interpreter) -> String {
    match engine {
        Interpreter::SpiderMonkey if interface.starts_with("wasi:") => format!("{interface}@{WASI}"),
        _ => interface.to_owned(),
    }
}

/// Says to the SDK that the engine has much of the web platform, in its own way. While the component is made there is no randomness to ask for.
const REPLACES: &str = "globalThis.__inferlet_replaces = true;\nMath.random = () => 0;\n";

/// How a program answers. What it throws is the error of the run, as a text.
const ANSWER: &str = r#"};
inferletSdk.settle();
function inferletOutside(name) {
    return known(inferletModules, name);
}
async function answer(input) {
    try {
        return await inferletModules["inferlet/entry"].start(loaded(), input);
    } catch (error) {
        throw String(error?.message ?? error);
    }
}
"#;

const RUN: &str = "export const run = { run: answer };\n";

const RESPOND: &str = "export const incomingHandler = { handle: (request, out) => inferletModules[\"inferlet/entry\"].respond(loaded(), request, out) };\n";

/// A component that goes on from where `script` has led it.
///
/// # Errors
/// The program has syntax that QuickJS does not know, or the SDK cannot be run up to its end, which is our own mistake.
pub fn begin(linked: &[u8], script: &str, inside: Inside<'_>, cache: &Path) -> Result<Vec<u8>> {
    let begun = Beginning::new(Some(cache.join("code")))
        .and_then(|beginning| beginning.make(linked, "globalThis.wit = {};\n", script, NAME));
    let begun = begun.map_err(|error| match (inside, error) {
        // The SDK has been run without a program by then, or a test fails.
        (Inside::Program(bundle), PreinitError::Refused(said)) => {
            let entry = bundle.names.first().map_or("the program", String::as_str);
            Error::failed(format!("`{entry}` does not build: QuickJS cannot read it, or a module that it imports"))
                .caused_by(said)
                .hint("QuickJS knows JavaScript up to ES2023; what is newer has to be written in another way, or compiled before")
        }
        (_, error) => Error::bug("QuickJS cannot be begun with the SDK").caused_by(error),
    });
    dense::pack(&begun?)
}
