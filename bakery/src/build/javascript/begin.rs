//! What QuickJS is begun with: the interface, the SDK, and a program or the way one comes in. Its memory is kept then ([`pie_engine::Beginning`]).

use std::fmt::Write;
use std::path::Path;

use pie_engine::{Beginning, PreinitError};

use super::bundle::Bundle;
use super::sdk::Sdk;
use crate::build::Digest;
use crate::error::{Error, Result};

/// What is around every program.
const LANGUAGE: &str = include_str!("language.js");

/// What the script is called in stacks. The SDK leaves frames of this name out.
const NAME: &str = "inferlet:runtime";

/// The interface that gives a program that comes in at run time.
const STDIN: &str = "wasi:cli/stdin";

/// What is imported only where the network is.
const HTTP: &str = "wasi:http/";

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
    Digest::of_parts([LANGUAGE, ANSWER, RUN_PROGRAM, RUN_RECEIVED])
}

/// The script for a component with the SDK.
pub fn script(sdk: &Sdk, inside: Inside<'_>, network: bool) -> String {
    let interfaces =
        || sdk.bundle.outside.iter().filter(|name| network || !name.starts_with(HTTP)).enumerate();
    let mut script = format!("import * as inferletStdin from \"{STDIN}\";\n");
    for (index, name) in interfaces() {
        let _ = writeln!(script, "import * as inferlet{index} from \"{name}\";");
    }
    script.push_str(LANGUAGE);
    script.push_str("\nconst inferletInterface = {\n");
    for (index, name) in interfaces() {
        let _ = writeln!(script, "    \"{name}\": inferlet{index},");
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
            let _ = write!(script, "const inferletProgram = program({});\n{RUN_PROGRAM}", bundle.json());
        }
        Inside::Nothing => script.push_str(RUN_RECEIVED),
    }
    script
}

/// How `run` answers. What it throws is the error of the run, as a text.
const ANSWER: &str = r#"};
inferletSdk.settle();
function inferletOutside(name) {
    return known(inferletModules, name);
}
async function answer(load, input) {
    try {
        return await inferletModules["inferlet/entry"].start(load(), input);
    } catch (error) {
        throw String(error?.message ?? error);
    }
}
"#;

const RUN_PROGRAM: &str = "export const run = { run: (input) => answer(() => inferletProgram, input) };\n";

const RUN_RECEIVED: &str =
    "export const run = { run: (input) => answer(() => program(received()), input) };\n";

/// A component that goes on from where `script` has led it.
///
/// # Errors
/// The program has syntax that QuickJS does not know, or the SDK cannot be run up to its end, which is our own mistake.
pub fn begin(linked: &[u8], script: &str, inside: Inside<'_>, cache: &Path) -> Result<Vec<u8>> {
    let begun = Beginning::new(Some(cache.join("code")))
        .and_then(|beginning| beginning.make(linked, "globalThis.wit = {};\n", script, NAME));
    begun.map_err(|error| match (inside, error) {
        // The SDK has been run without a program by then, or a test fails.
        (Inside::Program(bundle), PreinitError::Refused(said)) => {
            let entry = bundle.names.first().map_or("the program", String::as_str);
            Error::failed(format!("`{entry}` does not build: QuickJS cannot read it, or a module that it imports"))
                .caused_by(said)
                .hint("QuickJS knows JavaScript up to ES2023; what is newer has to be written in another way, or compiled before")
        }
        (_, error) => Error::bug("QuickJS cannot be begun with the SDK").caused_by(error),
    })
}
