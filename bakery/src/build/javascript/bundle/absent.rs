//! What programs for other places use and inferlets do not have: found in the source, before it is missed in the middle of a run.

use std::collections::BTreeSet;
use std::ops::Range;

use oxc_ast::ast::{Expression, IdentifierReference, Program, UnaryExpression, UnaryOperator};
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::Scoping;

use super::module::range;

/// Names, and what to use instead.
const NAMES: [(&str, &str); 27] = [
    ("Buffer", "use `Uint8Array` with `TextEncoder` and `TextDecoder`"),
    ("process", "parameters come in by `main`, and `console.log` prints"),
    ("global", "it is called `globalThis` in every JavaScript"),
    ("__dirname", "an inferlet has no files but those under `/scratch`"),
    ("__filename", "an inferlet has no files but those under `/scratch`"),
    ("setImmediate", "use `setTimeout(f, 0)`"),
    ("clearImmediate", "use `setTimeout(f, 0)` and `clearTimeout`"),
    ("XMLHttpRequest", "use `fetch`"),
    ("EventSource", "use `fetch`"),
    ("WebSocket", "an inferlet asks by HTTP: use `fetch`"),
    ("Worker", "use `Promise.all`, or `launch` another inferlet"),
    ("SharedWorker", "use `Promise.all`, or `launch` another inferlet"),
    ("importScripts", "use `import`"),
    ("WebAssembly", "an inferlet is WebAssembly itself and cannot make more of it"),
    ("Intl", "the engine has no tables of languages: format by hand"),
    ("window", "there is no browser here"),
    ("document", "there is no browser here"),
    ("navigator", "there is no browser here"),
    ("location", "there is no browser here"),
    ("localStorage", "keep files under `/scratch` with `node:fs/promises`"),
    ("sessionStorage", "keep files under `/scratch` with `node:fs/promises`"),
    ("indexedDB", "keep files under `/scratch` with `node:fs/promises`"),
    ("alert", "use `session.send`"),
    ("prompt", "use `session.receive`"),
    ("requestAnimationFrame", "use `setTimeout`"),
    ("Deno", "this is no Deno"),
    ("Bun", "this is no Bun"),
];

/// Something that is used and not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Its name.
    pub name: String,
    /// What to use instead.
    pub instead: &'static str,
    /// Where it is used first.
    pub span: Range<usize>,
}

/// What a program uses that is not there, and where it uses CommonJS. A name whose `typeof` it asks for may be missing.
pub fn find(program: &Program<'_>, scoping: &Scoping) -> (Vec<Absent>, Option<Range<usize>>) {
    let mut names = Names { scoping, used: Vec::new(), asked: BTreeSet::new() };
    names.visit_program(program);
    let Names { used, asked, .. } = names;
    let is_common = |name: &str| ["require", "module", "exports"].contains(&name);
    let used: Vec<_> = used.into_iter().filter(|(name, _)| !asked.contains(name)).collect();
    let common = used.iter().find(|(name, _)| is_common(name)).map(|(_, span)| span.clone());
    let absent = NAMES.iter().filter_map(|(name, instead)| {
        let (_, span) = used.iter().find(|(used, _)| used == name)?;
        Some(Absent { name: (*name).to_owned(), instead, span: span.clone() })
    });
    (absent.collect(), common)
}

/// Names that nothing in the program declares.
struct Names<'s> {
    scoping: &'s Scoping,
    used: Vec<(String, Range<usize>)>,
    asked: BTreeSet<String>,
}

impl<'a> Visit<'a> for Names<'_> {
    fn visit_unary_expression(&mut self, unary: &UnaryExpression<'a>) {
        if let (UnaryOperator::Typeof, Expression::Identifier(name)) = (unary.operator, &unary.argument) {
            self.asked.insert(name.name.to_string());
            return;
        }
        walk::walk_unary_expression(self, unary);
    }

    fn visit_identifier_reference(&mut self, name: &IdentifierReference<'a>) {
        let is_own =
            name.reference_id.get().is_some_and(|id| self.scoping.get_reference(id).symbol_id().is_some());
        if !is_own {
            self.used.push((name.name.to_string(), range(name.span)));
        }
    }
}
