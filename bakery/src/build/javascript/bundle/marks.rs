//! Has a program note where it is, by a number that it writes into a list, so that whoever finds it cut off knows the line (`pie-engine/src/host/marks.rs`).
//!
//! A function notes it at its beginning, and a loop in each turn. Where nothing is called and nothing loops, nobody can be cut off: such a function notes nothing, and
//! such a loop only where it begins. So what is computed in place costs nothing more, and a note is little beside a call.

use oxc_allocator::{Allocator, ArenaVec, TakeIn};
use oxc_ast::ast::{
    ArrowFunctionBody, ArrowFunctionExpression, AssignmentOperator, AssignmentTarget, AwaitExpression,
    BindingPattern, CallExpression, DoWhileStatement, Expression, ForInStatement, ForOfStatement,
    ForStatement, Function, NewExpression, NumberBase, Program, ReturnStatement, SpreadElement, Statement,
    TaggedTemplateExpression, VariableDeclarator, WhileStatement, YieldExpression,
};
use oxc_ast::builder::AstBuilder;
use oxc_ast_visit::{Visit, VisitMut, walk, walk_mut};
use oxc_span::{GetSpan, Span};
use oxc_syntax::scope::ScopeFlags;

/// The list, a parameter of each body.
const LIST: &str = "__inferlet_at";
/// Where in it is where the program is, and where it says in which line `main` has returned.
const AT: f64 = 0.0;
const RETURNED: f64 = 1.0;

/// A mark has the number of the module in front of that of the line.
const LINE_BITS: u32 = 20;

/// What a program has to export.
const MAIN: &str = "main";

/// Adds the marks to the module of this number.
pub fn add<'a>(allocator: &'a Allocator, program: &mut Program<'a>, module: usize) {
    let Some(module) = u32::try_from(module).ok().filter(|module| *module < 1 << (32 - LINE_BITS)) else {
        return;
    };
    let text = program.source_text;
    let breaks = text.bytes().zip(0..).filter(|(byte, _)| *byte == b'\n').map(|(_, at)| at).collect();
    Marks { ast: AstBuilder::new(allocator), module, breaks, depth: 0, is_main: false, begun: None }
        .visit_program(program);
}

struct Marks<'a> {
    ast: AstBuilder<'a>,
    module: u32,
    /// Where lines end.
    breaks: Vec<u32>,
    /// How many functions are around.
    depth: u32,
    /// Whether the innermost of them is `main`.
    is_main: bool,
    /// The loop whose line was noted in front of it.
    begun: Option<Span>,
}

impl<'a> Marks<'a> {
    /// Writes the line of a place. What a transformation has made has none.
    fn mark(&self, span: Span, slot: f64) -> Option<Expression<'a>> {
        if span.is_unspanned() {
            return None;
        }
        let line = self.breaks.partition_point(|end| *end < span.start) as u32 + 1;
        let mark = self.module << LINE_BITS | line.min((1 << LINE_BITS) - 1);
        let ast = &self.ast;
        let number = |value| Expression::new_numeric_literal(span, value, None, NumberBase::Decimal, ast);
        let list = Expression::new_identifier(span, LIST, ast);
        let target = AssignmentTarget::new_computed_member_expression(span, list, number(slot), false, ast);
        let value = number(f64::from(mark));
        Some(Expression::new_assignment_expression(span, AssignmentOperator::Assign, target, value, ast))
    }

    /// Marks a place whenever an expression is evaluated.
    fn before(&self, value: &mut Expression<'a>, span: Span, slot: f64) {
        if let Some(mark) = self.mark(span, slot) {
            let inner = value.take_in(&self.ast);
            *value = Expression::new_sequence_expression(span, [mark, inner], &self.ast);
        }
    }

    /// Marks a place whenever a list of statements begins.
    fn at_start(&self, statements: &mut ArenaVec<'a, Statement<'a>>, span: Span) {
        if let Some(mark) = self.mark(span, AT) {
            statements.insert(0, Statement::new_expression_statement(span, mark, &self.ast));
        }
    }

    /// Marks each turn of a loop by its condition, unless it was marked in front.
    fn before_turns(&mut self, test: &mut Expression<'a>, span: Span) {
        if self.begun.take() != Some(span) {
            self.before(test, span, AT);
        }
    }

    fn at_each_turn(&self, body: &mut Statement<'a>, span: Span) {
        match body {
            Statement::BlockStatement(block) => self.at_start(&mut block.body, span),
            Statement::ExpressionStatement(statement) => self.before(&mut statement.expression, span, AT),
            // Loops have marks of their own, and others end.
            _ => {}
        }
    }

    fn inside(&mut self, is_main: bool, walk: impl FnOnce(&mut Self)) {
        let outside = std::mem::replace(&mut self.is_main, is_main);
        self.depth += 1;
        walk(self);
        self.depth -= 1;
        self.is_main = outside;
    }
}

impl<'a> VisitMut<'a> for Marks<'a> {
    fn visit_statements(&mut self, statements: &mut ArenaVec<'a, Statement<'a>>) {
        let mut at = 0;
        while at < statements.len() {
            if let Some(span) = quiet_loop(&statements[at])
                && let Some(mark) = self.mark(span, AT)
            {
                statements.insert(at, Statement::new_expression_statement(span, mark, &self.ast));
                at += 1;
                self.begun = Some(span);
            }
            self.visit_statement(&mut statements[at]);
            at += 1;
        }
    }

    fn visit_function(&mut self, function: &mut Function<'a>, flags: ScopeFlags) {
        let name = function.id.as_ref().map(|id| id.name.as_str());
        let is_main = self.depth == 0 && (self.is_main || name == Some(MAIN));
        let is_busy =
            function.body.as_ref().is_some_and(|body| is_busy(|busy| busy.visit_function_body(body)));
        self.inside(is_main, |marks| walk_mut::walk_function(marks, function, flags));
        let span = function.span;
        if let Some(body) = function.body.as_mut().filter(|_| is_busy) {
            self.at_start(&mut body.statements, span);
        }
    }

    fn visit_arrow_function_expression(&mut self, function: &mut ArrowFunctionExpression<'a>) {
        let is_main = self.is_main && self.depth == 0;
        let is_busy = is_busy(|busy| busy.visit_arrow_function_body(&function.body));
        self.inside(is_main, |marks| walk_mut::walk_arrow_function_expression(marks, function));
        let span = function.span;
        match &mut function.body {
            ArrowFunctionBody::FunctionBody(body) if is_busy => self.at_start(&mut body.statements, span),
            body => {
                if let Some(value) = body.as_expression_mut() {
                    let place = value.span();
                    if is_busy {
                        self.before(value, span, AT);
                    }
                    if is_main {
                        self.before(value, place, RETURNED);
                    }
                }
            }
        }
    }

    fn visit_variable_declarator(&mut self, variable: &mut VariableDeclarator<'a>) {
        let named = matches!(&variable.id, BindingPattern::BindingIdentifier(id) if id.name == MAIN);
        let outside = self.is_main;
        self.is_main = if self.depth == 0 { named } else { outside };
        walk_mut::walk_variable_declarator(self, variable);
        self.is_main = outside;
    }

    fn visit_return_statement(&mut self, statement: &mut ReturnStatement<'a>) {
        walk_mut::walk_return_statement(self, statement);
        if self.is_main
            && let Some(value) = &mut statement.argument
        {
            self.before(value, statement.span, RETURNED);
        }
    }

    fn visit_for_statement(&mut self, statement: &mut ForStatement<'a>) {
        let span = statement.span;
        let test =
            statement.test.get_or_insert_with(|| Expression::new_boolean_literal(span, true, &self.ast));
        self.before_turns(test, span);
        walk_mut::walk_for_statement(self, statement);
    }

    fn visit_while_statement(&mut self, statement: &mut WhileStatement<'a>) {
        self.before_turns(&mut statement.test, statement.span);
        walk_mut::walk_while_statement(self, statement);
    }

    fn visit_do_while_statement(&mut self, statement: &mut DoWhileStatement<'a>) {
        self.before_turns(&mut statement.test, statement.span);
        walk_mut::walk_do_while_statement(self, statement);
    }

    fn visit_for_in_statement(&mut self, statement: &mut ForInStatement<'a>) {
        walk_mut::walk_for_in_statement(self, statement);
        self.at_each_turn(&mut statement.body, statement.span);
    }

    fn visit_for_of_statement(&mut self, statement: &mut ForOfStatement<'a>) {
        walk_mut::walk_for_of_statement(self, statement);
        self.at_each_turn(&mut statement.body, statement.span);
    }
}

/// A loop that nothing interrupts: its line is noted once, in front of it.
fn quiet_loop(statement: &Statement<'_>) -> Option<Span> {
    let (span, is_busy) = match statement {
        Statement::LabeledStatement(labeled) => return quiet_loop(&labeled.body),
        Statement::ForStatement(each) => (each.span, is_busy(|busy| walk::walk_for_statement(busy, each))),
        Statement::WhileStatement(each) => {
            (each.span, is_busy(|busy| walk::walk_while_statement(busy, each)))
        }
        Statement::DoWhileStatement(each) => {
            (each.span, is_busy(|busy| walk::walk_do_while_statement(busy, each)))
        }
        _ => return None,
    };
    (!is_busy).then_some(span)
}

/// Whether there are calls, waits or loops in what is looked through.
fn is_busy(look: impl FnOnce(&mut Busy)) -> bool {
    let mut busy = Busy { found: false };
    look(&mut busy);
    busy.found
}

/// Looks for what takes long or leads elsewhere, outside of functions.
struct Busy {
    found: bool,
}

impl<'a> Visit<'a> for Busy {
    fn visit_call_expression(&mut self, _: &CallExpression<'a>) {
        self.found = true;
    }

    fn visit_new_expression(&mut self, _: &NewExpression<'a>) {
        self.found = true;
    }

    fn visit_tagged_template_expression(&mut self, _: &TaggedTemplateExpression<'a>) {
        self.found = true;
    }

    fn visit_await_expression(&mut self, _: &AwaitExpression<'a>) {
        self.found = true;
    }

    fn visit_yield_expression(&mut self, _: &YieldExpression<'a>) {
        self.found = true;
    }

    fn visit_spread_element(&mut self, _: &SpreadElement<'a>) {
        self.found = true;
    }

    fn visit_for_statement(&mut self, _: &ForStatement<'a>) {
        self.found = true;
    }

    fn visit_for_in_statement(&mut self, _: &ForInStatement<'a>) {
        self.found = true;
    }

    fn visit_for_of_statement(&mut self, _: &ForOfStatement<'a>) {
        self.found = true;
    }

    fn visit_while_statement(&mut self, _: &WhileStatement<'a>) {
        self.found = true;
    }

    fn visit_do_while_statement(&mut self, _: &DoWhileStatement<'a>) {
        self.found = true;
    }

    fn visit_function(&mut self, _: &Function<'a>, _: ScopeFlags) {}

    fn visit_arrow_function_expression(&mut self, _: &ArrowFunctionExpression<'a>) {}
}
