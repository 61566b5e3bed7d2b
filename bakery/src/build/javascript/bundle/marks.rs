//! Has a program note where it is: at the beginning of each function and of each turn of a loop it writes a number into a list, so that whoever finds it cut
//! off knows the line (`pie-engine/src/host/marks.rs`). It costs four steps of QuickJS each.

use oxc_allocator::{Allocator, ArenaVec, TakeIn};
use oxc_ast::ast::{
    ArrowFunctionBody, ArrowFunctionExpression, AssignmentOperator, AssignmentTarget, BindingPattern,
    DoWhileStatement, Expression, ForInStatement, ForOfStatement, ForStatement, Function, NumberBase,
    Program, ReturnStatement, Statement, VariableDeclarator, WhileStatement,
};
use oxc_ast::builder::AstBuilder;
use oxc_ast_visit::{VisitMut, walk_mut};
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
    Marks { ast: AstBuilder::new(allocator), module, breaks, depth: 0, is_main: false }
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
    fn visit_function(&mut self, function: &mut Function<'a>, flags: ScopeFlags) {
        let name = function.id.as_ref().map(|id| id.name.as_str());
        let is_main = self.depth == 0 && (self.is_main || name == Some(MAIN));
        self.inside(is_main, |marks| walk_mut::walk_function(marks, function, flags));
        let span = function.span;
        if let Some(body) = &mut function.body {
            self.at_start(&mut body.statements, span);
        }
    }

    fn visit_arrow_function_expression(&mut self, function: &mut ArrowFunctionExpression<'a>) {
        let is_main = self.is_main && self.depth == 0;
        self.inside(is_main, |marks| walk_mut::walk_arrow_function_expression(marks, function));
        let span = function.span;
        match &mut function.body {
            ArrowFunctionBody::FunctionBody(body) => self.at_start(&mut body.statements, span),
            body => {
                if let Some(value) = body.as_expression_mut() {
                    let place = value.span();
                    self.before(value, span, AT);
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
        walk_mut::walk_for_statement(self, statement);
        let span = statement.span;
        let always = || Expression::new_boolean_literal(span, true, &self.ast);
        self.before(statement.test.get_or_insert_with(always), span, AT);
    }

    fn visit_while_statement(&mut self, statement: &mut WhileStatement<'a>) {
        walk_mut::walk_while_statement(self, statement);
        self.before(&mut statement.test, statement.span, AT);
    }

    fn visit_do_while_statement(&mut self, statement: &mut DoWhileStatement<'a>) {
        walk_mut::walk_do_while_statement(self, statement);
        self.before(&mut statement.test, statement.span, AT);
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
