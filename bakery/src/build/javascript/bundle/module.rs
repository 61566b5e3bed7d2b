//! One source, freed from types and made into the body of a function: what it imports and exports goes through that function's parameters.

use std::ops::Range;
use std::path::Path;

use oxc_allocator::{Allocator, TakeIn};
use oxc_ast::ast::{
    Argument, ArrowFunctionExpression, AwaitExpression, CallExpression, Expression, ForOfStatement, Function,
    Program, Statement,
};
use oxc_ast::builder::AstBuilder;
use oxc_ast_visit::{Visit, walk};
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc_diagnostics::OxcDiagnostic;
use oxc_parser::Parser;
use oxc_semantic::{Scoping, SemanticBuilder};
use oxc_span::{SourceType, Span};
use oxc_syntax::module_record::{
    ExportEntry, ExportExportName, ExportImportName, ExportLocalName, ModuleRecord,
};
use oxc_syntax::scope::ScopeFlags;
use oxc_transformer::{HelperLoaderMode, TransformOptions, Transformer};
use oxc_transformer_plugins::{ModuleRunnerTransform, ReplaceGlobalDefines, ReplaceGlobalDefinesConfig};

use super::absent::{self, Absent};
use super::map::Map;
use super::{marks, watch};

/// The parameters of a body, as the transformation calls them.
pub const PARAMETERS: &str = "__vite_ssr_import__, __vite_ssr_exports__, __vite_ssr_exportAll__, __vite_ssr_dynamic_import__, __vite_ssr_import_meta__, __inferlet_at";

/// What the transformation calls to import.
const IMPORT: &str = "__vite_ssr_import__";

/// Whose source it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The user's: its mistakes are shown, and calls that nobody waits for are watched.
    Program,
    /// A package's, taken as it is.
    Package,
    /// The SDK's.
    Sdk,
}

/// How a body runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// At once.
    Sync,
    /// It awaits something at its top level.
    Async,
    /// It is a CommonJS module.
    Common,
}

/// Something a module imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// As it is written.
    pub specifier: String,
    /// Where that is.
    pub span: Range<usize>,
}

/// A source as part of a bundle.
#[derive(Debug)]
pub struct Module {
    /// The body of its function.
    pub body: String,
    /// From lines and columns of the body to those of the source.
    pub map: Map,
    /// How it runs.
    pub form: Form,
    /// What has to run before it, in order.
    pub imports: Vec<Import>,
    /// What it may import later, or requires.
    pub later: Vec<Import>,
    /// What it exports by name.
    pub exports: Vec<String>,
    /// What it exports all of.
    pub stars: Vec<String>,
    /// The module that it has its `main` from, and what that is called there.
    pub main_from: Option<(String, String)>,
    /// What it uses that is not there.
    pub absent: Vec<Absent>,
    /// Where it uses CommonJS without being one: `require` or `module`.
    pub common: Option<Range<usize>>,
}

/// A mistake in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What it is.
    pub message: String,
    /// What to do, if the parser knows.
    pub help: Option<String>,
    /// Where it is.
    pub span: Range<usize>,
}

/// A source and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'s> {
    /// What it is called in stacks.
    pub name: &'s str,
    /// Its text.
    pub text: &'s str,
    /// Whose it is.
    pub owner: Owner,
    /// Whether it is CommonJS unless it has an `import` or `export`.
    pub may_be_common: bool,
    /// The number of its module.
    pub number: usize,
    /// The export that the program is called by, if it is this module's.
    pub main: Option<&'s str>,
}

/// Makes a module of a source.
///
/// # Errors
/// It has mistakes.
pub fn compile(source: Source<'_>) -> Result<Module, Vec<Mistake>> {
    let kind = SourceType::from_path(Path::new(source.name)).unwrap_or_else(|_| SourceType::mjs());
    let allocator = Allocator::default();
    if source.may_be_common {
        let parsed = Parser::new(&allocator, source.text, kind.with_module(true)).parse();
        if !parsed.module_record.has_module_syntax {
            return common(source);
        }
    }
    let parsed = Parser::new(&allocator, source.text, kind.with_module(true)).parse();
    mistakes(parsed.diagnostics.into_vec())?;
    let mut program = parsed.program;
    let record = Record::of(&parsed.module_record, source);
    let semantic = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .with_excess_capacity(1.0)
        .with_enum_eval(true)
        .build(&program);
    mistakes(semantic.diagnostics.into_vec())?;
    let scoping = semantic.semantic.into_scoping();
    let (absent, common) = match source.owner {
        Owner::Program => absent::find(&program, &scoping),
        Owner::Package | Owner::Sdk => (Vec::new(), None),
    };
    let transformed = Transformer::new(&allocator, Path::new(source.name), &options())
        .build_with_scoping(scoping, &mut program);
    mistakes(transformed.diagnostics.into_vec())?;
    let scoping = defined(&allocator, &mut program, transformed.scoping);
    // Last but for the imports, because nothing knows the scope of what this adds.
    if source.owner == Owner::Program {
        watch::promises(&allocator, &mut program);
        marks::add(&allocator, &mut program, source.number, record.main.as_deref());
    }
    let (kept, later) = ModuleRunnerTransform::new().transform(&allocator, &mut program, scoping);
    let form = form(&allocator, &mut program);
    let (body, map) = print(&program, source);
    let imports = record.imports.into_iter().filter(|import| kept.contains(&import.specifier)).collect();
    let later = record.later.into_iter().filter(|import| later.contains(&import.specifier)).collect();
    Ok(Module {
        body,
        map,
        form,
        imports,
        later,
        exports: record.exports,
        stars: record.stars,
        main_from: record.main_from,
        absent,
        common,
    })
}

/// A module of CommonJS: as it is, with what it requires.
fn common(source: Source<'_>) -> Result<Module, Vec<Mistake>> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source.text, SourceType::cjs()).parse();
    mistakes(parsed.diagnostics.into_vec())?;
    let mut program = parsed.program;
    let scoping = SemanticBuilder::new().build(&program).semantic.into_scoping();
    let scoping = defined(&allocator, &mut program, scoping);
    let mut required = Required { scoping: &scoping, found: Vec::new() };
    required.visit_program(&program);
    let later = required.found;
    let (body, map) = print(&program, source);
    Ok(Module {
        body,
        map,
        form: Form::Common,
        imports: Vec::new(),
        later,
        exports: Vec::new(),
        stars: Vec::new(),
        main_from: None,
        absent: Vec::new(),
        common: None,
    })
}

/// The errors among what a parser says.
fn mistakes(diagnostics: Vec<OxcDiagnostic>) -> Result<(), Vec<Mistake>> {
    let errors: Vec<Mistake> = diagnostics
        .into_iter()
        .filter(|diagnostic| diagnostic.severity == oxc_diagnostics::Severity::Error)
        .map(|diagnostic| {
            let label = diagnostic.labels.iter().next();
            let start = label.map_or(0, |label| label.offset());
            let length = label.map_or(0, |label| label.len());
            Mistake {
                message: diagnostic.message.to_string(),
                help: diagnostic.help.as_ref().map(ToString::to_string),
                span: start as usize..start as usize + length as usize,
            }
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// What is to be taken out of a source: types, and `using`, which QuickJS does not know.
fn options() -> TransformOptions {
    let mut options = TransformOptions::default();
    options.env.es2026.explicit_resource_management = true;
    options.helper_loader.mode = HelperLoaderMode::External;
    options.typescript.rewrite_import_extensions = None;
    options
}

/// What packages ask of Node.js to know whether they are being developed.
fn defined<'a>(allocator: &'a Allocator, program: &mut Program<'a>, scoping: Scoping) -> Scoping {
    let Ok(defines) = ReplaceGlobalDefinesConfig::new(&[("process.env.NODE_ENV", "\"production\"")]) else {
        return scoping;
    };
    ReplaceGlobalDefines::new(allocator, defines).build(scoping, program).scoping
}

fn print(program: &Program<'_>, source: Source<'_>) -> (String, Map) {
    // Functions keep their texts, so what nobody looks at is short.
    let is_looked_at = source.owner != Owner::Sdk;
    let options = CodegenOptions {
        source_map_path: is_looked_at.then(|| source.name.into()),
        comments: CommentOptions::disabled(),
        minify: !is_looked_at,
        ..CodegenOptions::default()
    };
    let printed = Codegen::new().with_options(options).build(program);
    let map = printed.map.as_ref().map(Map::of).unwrap_or_default();
    (printed.code, map)
}

/// What a parser has noted of imports and exports.
struct Record {
    imports: Vec<Import>,
    later: Vec<Import>,
    exports: Vec<String>,
    stars: Vec<String>,
    /// What the function is called that the program is called by.
    main: Option<String>,
    main_from: Option<(String, String)>,
}

impl Record {
    fn of(record: &ModuleRecord<'_>, source: Source<'_>) -> Record {
        let text = source.text;
        let mut imports: Vec<Import> = record
            .requested_modules
            .iter()
            .filter_map(|(specifier, requests)| {
                let request = requests.iter().find(|request| !request.is_type)?;
                Some(Import { specifier: specifier.to_string(), span: range(request.span) })
            })
            .collect();
        imports.sort_by_key(|import| import.span.start);
        let mut later: Vec<Import> = record
            .dynamic_imports
            .iter()
            .filter_map(|import| {
                let written = text.get(range(import.module_request))?;
                let specifier = written.strip_prefix(['"', '\'', '`'])?.strip_suffix(['"', '\'', '`'])?;
                Some(Import { specifier: specifier.to_owned(), span: range(import.module_request) })
            })
            .collect();
        later.sort_by_key(|import| import.span.start);
        let entries = record.local_export_entries.iter().chain(&record.indirect_export_entries);
        let exports = entries.filter_map(|entry| match &entry.export_name {
            ExportExportName::Name(name) => Some(name.name.to_string()),
            ExportExportName::Default(_) => Some("default".to_owned()),
            ExportExportName::Null => None,
        });
        let stars = record.star_export_entries.iter();
        let stars = stars.filter_map(|entry| Some(entry.module_request.as_ref()?.name.to_string())).collect();
        let (main, main_from) = main(record, source.main);
        Record { imports, later, exports: exports.collect(), stars, main, main_from }
    }
}

/// What the function is called here that a module exports by this name, or the module it has it from and its name there.
fn main(record: &ModuleRecord<'_>, wanted: Option<&str>) -> (Option<String>, Option<(String, String)>) {
    let is_main = |entry: &&ExportEntry<'_>| match &entry.export_name {
        ExportExportName::Name(name) => Some(name.name.as_str()) == wanted,
        _ => false,
    };
    let here = record.local_export_entries.iter().find(is_main);
    let here = here.and_then(|entry| match &entry.local_name {
        ExportLocalName::Name(name) => Some(name.name.to_string()),
        _ => None,
    });
    let elsewhere = record.indirect_export_entries.iter().find(is_main).and_then(|entry| {
        let ExportImportName::Name(name) = &entry.import_name else { return None };
        Some((entry.module_request.as_ref()?.name.to_string(), name.name.to_string()))
    });
    (here, elsewhere)
}

/// A span as a range.
pub fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

/// Takes the `await` from imports, which are there when a module runs, and finds out whether it awaits anything else.
fn form<'a>(allocator: &'a Allocator, program: &mut Program<'a>) -> Form {
    let ast = AstBuilder::new(allocator);
    for statement in &mut program.body {
        let Statement::VariableDeclaration(variables) = statement else { continue };
        for variable in &mut variables.declarations {
            if let Some(Expression::AwaitExpression(awaited)) = &mut variable.init
                && is_import(&awaited.argument)
            {
                variable.init = Some(awaited.argument.take_in(&ast));
            }
        }
    }
    let mut awaits = Awaits { found: false };
    awaits.visit_program(program);
    if awaits.found { Form::Async } else { Form::Sync }
}

fn is_import(expression: &Expression<'_>) -> bool {
    let Expression::CallExpression(call) = expression else { return false };
    matches!(&call.callee, Expression::Identifier(name) if name.name == IMPORT)
}

/// Looks for `await` outside of functions.
struct Awaits {
    found: bool,
}

impl<'a> Visit<'a> for Awaits {
    fn visit_await_expression(&mut self, _: &AwaitExpression<'a>) {
        self.found = true;
    }

    fn visit_for_of_statement(&mut self, statement: &ForOfStatement<'a>) {
        self.found |= statement.r#await;
        walk::walk_for_of_statement(self, statement);
    }

    fn visit_function(&mut self, _: &Function<'a>, _: ScopeFlags) {}

    fn visit_arrow_function_expression(&mut self, _: &ArrowFunctionExpression<'a>) {}
}

/// Looks for what a CommonJS module requires.
struct Required<'s> {
    scoping: &'s Scoping,
    found: Vec<Import>,
}

impl<'a> Visit<'a> for Required<'_> {
    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        walk::walk_call_expression(self, call);
        let Expression::Identifier(callee) = &call.callee else { return };
        let reference = callee.reference_id.get();
        let is_own = reference.is_some_and(|id| self.scoping.get_reference(id).symbol_id().is_some());
        if callee.name != "require" || is_own {
            return;
        }
        if let [Argument::StringLiteral(specifier)] = call.arguments.as_slice() {
            self.found.push(Import { specifier: specifier.value.to_string(), span: range(specifier.span) });
        }
    }
}
