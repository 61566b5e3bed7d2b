//! Has a program note where it is, by a number that it writes into an object, so that whoever finds it cut off knows the line (`pie-engine/src/host/marks.rs`).
//!
//! What may be cut off is what calls, waits or loops. A statement that does notes its line before, and a call of something that is not the program's own once more, if
//! others were called in between; a loop notes it in each turn, unless what it does in a turn begins with a note. Where nothing is called and nothing loops, nothing is
//! noted. What is waited for notes the line of its `await` once it is there to be waited for. So a note is never that of a function which has returned, but where
//! that was called for a method that takes no time ([`QUICK`]).

use oxc_allocator::{Allocator, ArenaVec, TakeIn};
use oxc_ast::ast::{
    Argument, ArrayExpressionElement, ArrowFunctionBody, ArrowFunctionExpression, AssignmentOperator,
    AssignmentTarget, AwaitExpression, BindingPattern, CallExpression, DoWhileStatement, Expression,
    ExpressionStatement, ForInStatement, ForOfStatement, ForStatement, Function, IdentifierName, IfStatement,
    MemberExpression, NewExpression, NumberBase, Program, ReturnStatement, SpreadElement, Statement,
    SwitchStatement, TaggedTemplateExpression, ThrowStatement, VariableDeclarator, WhileStatement,
    YieldExpression,
};
use oxc_ast::builder::AstBuilder;
use oxc_ast_visit::{Visit, VisitMut, walk, walk_mut};
use oxc_span::{GetSpan, Span};
use oxc_syntax::scope::ScopeFlags;

/// The function that notes a line and gives back what is waited for there.
const AWAITED: &str = "__inferlet_awaited";
/// The object, a parameter of each body.
const MARKS: &str = "__inferlet_at";
/// Its property for where the program is, and that for the line in which `main` has returned.
const AT: &str = "at";
const RETURNED: &str = "returned";

/// Methods that are done at once, and that loops call often with what they have called something else for.
const QUICK: [&str; 6] = ["push", "add", "set", "get", "has", "delete"];

/// A mark has the number of the module in front of that of the line. It is a small integer for the engines.
const LINE_BITS: u32 = 20;
const MODULE_BITS: u32 = 11;

/// Adds the marks to the module of this number. `main` is what it calls the function that the program is called by, if that is in it.
pub fn add<'a>(allocator: &'a Allocator, program: &mut Program<'a>, module: usize, main: Option<&str>) {
    let Some(module) = u32::try_from(module).ok().filter(|module| *module < 1 << MODULE_BITS) else {
        return;
    };
    let text = program.source_text;
    let breaks = text.bytes().zip(0..).filter(|(byte, _)| *byte == b'\n').map(|(_, at)| at).collect();
    let ast = AstBuilder::new(allocator);
    Marks {
        ast,
        module,
        breaks,
        main,
        depth: 0,
        is_main: false,
        begun: None,
        calls: 0,
        noted: 0,
        own_calls: 0,
    }
    .visit_program(program);
}

struct Marks<'a, 'm> {
    ast: AstBuilder<'a>,
    module: u32,
    /// Where lines end.
    breaks: Vec<u32>,
    /// What `main` is called here.
    main: Option<&'m str>,
    /// How many functions are around.
    depth: u32,
    /// Whether the innermost of them is `main`.
    is_main: bool,
    /// The loop whose line was noted in front of it.
    begun: Option<Span>,
    /// How many calls there were so far in this function, and when a line was noted last.
    calls: u32,
    noted: u32,
    /// How many of the calls were of the program's own functions, as far as names tell.
    own_calls: u32,
}

impl<'a> Marks<'a, '_> {
    /// The number of a place. What a transformation has made has none.
    fn number(&self, span: Span) -> Option<Expression<'a>> {
        if span.is_unspanned() {
            return None;
        }
        let line = self.breaks.partition_point(|end| *end < span.start) as u32 + 1;
        let mark = self.module << LINE_BITS | line.min((1 << LINE_BITS) - 1);
        let (value, base) = (f64::from(mark), NumberBase::Decimal);
        Some(Expression::new_numeric_literal(span, value, None, base, &self.ast))
    }

    /// Writes the line of a place.
    fn mark(&self, span: Span, property: &'static str) -> Option<Expression<'a>> {
        let value = self.number(span)?;
        let ast = &self.ast;
        let marks = Expression::new_identifier(span, MARKS, ast);
        let property = IdentifierName::new(span, property, ast);
        let target = AssignmentTarget::new_static_member_expression(span, marks, property, false, ast);
        Some(Expression::new_assignment_expression(span, AssignmentOperator::Assign, target, value, ast))
    }

    /// Marks a place whenever an expression is evaluated.
    fn before(&self, value: &mut Expression<'a>, span: Span, property: &'static str) {
        if let Some(mark) = self.mark(span, property) {
            let inner = value.take_in(&self.ast);
            *value = Expression::new_sequence_expression(span, [mark, inner], &self.ast);
        }
    }

    /// Goes through a part of a statement, and marks it if it may be cut off.
    fn part(&mut self, value: &mut Expression<'a>) {
        let span = value.span();
        // A class has the name of what it is assigned to, as long as nothing stands between the two.
        let is_class = matches!(value.without_parentheses(), Expression::ClassExpression(_));
        let is_busy = !is_class && is_busy(|busy| busy.visit_expression(value));
        if is_busy {
            self.noted = self.calls;
        }
        self.visit_expression(value);
        if is_busy {
            self.before(value, span, AT);
        }
    }

    /// Marks a place whenever an expression has been evaluated. A list is gone when its first element is read; a variable would keep the value.
    fn behind(&self, value: &mut Expression<'a>, span: Span) {
        let ast = &self.ast;
        if let Some(mark) = self.mark(span, AT) {
            let elements = [value.take_in(ast), mark].map(ArrayExpressionElement::from);
            let list = Expression::new_array_expression(span, elements, ast);
            let first = Expression::new_numeric_literal(span, 0.0, None, NumberBase::Decimal, ast);
            *value = Expression::new_computed_member_expression(span, list, first, false, ast);
        }
    }

    /// Marks a call once all that it needs has been evaluated: before the last argument, or behind that if it is a call itself, or behind the object whose method is
    /// called without arguments.
    fn before_call_itself(&mut self, call: &mut Expression<'a>, span: Span) {
        let (callee, arguments) = match call {
            Expression::CallExpression(call) => {
                let call = &mut **call;
                (Some(&mut call.callee), &mut call.arguments)
            }
            Expression::NewExpression(call) => (None, &mut call.arguments),
            _ => return,
        };
        if callee.as_ref().is_some_and(|callee| is_quick(callee)) {
            return;
        }
        let last = match arguments.last_mut() {
            Some(Argument::SpreadElement(spread)) => &mut spread.argument,
            Some(last) => match last.as_expression_mut() {
                Some(last) => last,
                None => return,
            },
            None => match callee.and_then(Expression::as_member_expression_mut) {
                Some(member) if is_busy(|busy| busy.visit_expression(member.object())) => member.object_mut(),
                _ => return,
            },
        };
        if is_busy(|busy| busy.visit_expression(last)) {
            self.behind(last, span);
        } else {
            self.before(last, span, AT);
        }
        self.noted = self.calls;
    }

    /// Marks each turn of a loop by its condition, unless it was marked in front.
    fn before_turns(&mut self, test: &mut Expression<'a>, span: Span) {
        if self.begun.take() != Some(span) {
            self.before(test, span, AT);
        }
    }

    fn at_each_turn(&self, body: &mut Statement<'a>, span: Span) {
        match body {
            Statement::BlockStatement(block) => {
                if let Some(mark) = self.mark(span, AT).filter(|_| !begins_with_a_mark(&block.body)) {
                    block.body.insert(0, Statement::new_expression_statement(span, mark, &self.ast));
                }
            }
            Statement::ExpressionStatement(statement)
                if !is_busy(|busy| busy.visit_expression(&statement.expression)) =>
            {
                self.before(&mut statement.expression, span, AT);
            }
            // Loops have marks of their own, and others end.
            _ => {}
        }
    }

    fn inside(&mut self, is_main: bool, walk: impl FnOnce(&mut Self)) {
        let outside = std::mem::replace(&mut self.is_main, is_main);
        let calls = (self.calls, self.noted, self.own_calls);
        (self.calls, self.noted, self.own_calls) = (0, 0, 0);
        self.depth += 1;
        walk(self);
        self.depth -= 1;
        (self.calls, self.noted, self.own_calls) = calls;
        self.is_main = outside;
    }

    fn is_called(&self, name: Option<&str>) -> bool {
        self.depth == 0 && name.is_some() && name == self.main
    }
}

impl<'a> VisitMut<'a> for Marks<'a, '_> {
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

    fn visit_expression_statement(&mut self, statement: &mut ExpressionStatement<'a>) {
        self.part(&mut statement.expression);
    }

    fn visit_throw_statement(&mut self, statement: &mut ThrowStatement<'a>) {
        self.part(&mut statement.argument);
    }

    fn visit_if_statement(&mut self, statement: &mut IfStatement<'a>) {
        self.part(&mut statement.test);
        self.visit_statement(&mut statement.consequent);
        if let Some(alternate) = &mut statement.alternate {
            self.visit_statement(alternate);
        }
    }

    fn visit_switch_statement(&mut self, statement: &mut SwitchStatement<'a>) {
        self.part(&mut statement.discriminant);
        self.visit_switch_cases(&mut statement.cases);
    }

    fn visit_return_statement(&mut self, statement: &mut ReturnStatement<'a>) {
        let span = statement.span;
        if let Some(value) = &mut statement.argument {
            self.part(value);
            if self.is_main {
                self.before(value, span, RETURNED);
            }
        }
    }

    fn visit_variable_declarator(&mut self, variable: &mut VariableDeclarator<'a>) {
        let name = match &variable.id {
            BindingPattern::BindingIdentifier(id) => Some(id.name.as_str()),
            _ => None,
        };
        let named = self.is_called(name);
        let outside = self.is_main;
        self.is_main = if self.depth == 0 { named } else { outside };
        self.visit_binding_pattern(&mut variable.id);
        if let Some(value) = &mut variable.init {
            self.part(value);
        }
        self.is_main = outside;
    }

    fn visit_function(&mut self, function: &mut Function<'a>, flags: ScopeFlags) {
        let name = function.id.as_ref().map(|id| id.name.as_str());
        let is_main = self.depth == 0 && (self.is_main || self.is_called(name));
        self.inside(is_main, |marks| walk_mut::walk_function(marks, function, flags));
    }

    fn visit_arrow_function_expression(&mut self, function: &mut ArrowFunctionExpression<'a>) {
        let is_main = self.is_main && self.depth == 0;
        self.inside(is_main, |marks| {
            marks.visit_formal_parameters(&mut function.params);
            match &mut function.body {
                ArrowFunctionBody::FunctionBody(body) => marks.visit_function_body(body),
                body => {
                    if let Some(value) = body.as_expression_mut() {
                        let place = value.span();
                        marks.part(value);
                        if is_main {
                            marks.before(value, place, RETURNED);
                        }
                    }
                }
            }
        });
    }

    fn visit_expression(&mut self, expression: &mut Expression<'a>) {
        let is_foreign = match expression {
            Expression::CallExpression(call) => call.callee.is_member_expression(),
            Expression::NewExpression(_) => true,
            _ => return walk_mut::walk_expression(self, expression),
        };
        let (span, before, own_before) = (expression.span(), self.calls, self.own_calls);
        walk_mut::walk_expression(self, expression);
        // What is called to make its arguments has noted its own lines, and has returned before this begins.
        if is_foreign && before == self.calls && self.noted < before {
            self.before(expression, span, AT);
            self.noted = before;
        } else if is_foreign && own_before != self.own_calls {
            self.before_call_itself(expression, span);
        }
        self.calls += 1;
        self.own_calls += u32::from(!is_foreign);
    }

    fn visit_await_expression(&mut self, awaited: &mut AwaitExpression<'a>) {
        let is_busy = is_busy(|busy| busy.visit_expression(&awaited.argument));
        walk_mut::walk_await_expression(self, awaited);
        if let Some(mark) = self.number(awaited.span).filter(|_| is_busy) {
            let callee = Expression::new_identifier(awaited.span, AWAITED, &self.ast);
            let value = awaited.argument.take_in(&self.ast);
            let arguments = [Argument::from(value), Argument::from(mark)];
            awaited.argument =
                Expression::new_call_expression(awaited.span, callee, None, arguments, false, &self.ast);
        }
    }

    fn visit_for_statement(&mut self, statement: &mut ForStatement<'a>) {
        let span = statement.span;
        let begun = self.begun;
        let is_marked = begins_with_a_mark_of_a_turn(&statement.body)
            && [statement.test.as_ref(), statement.update.as_ref()]
                .into_iter()
                .flatten()
                .all(|part| !is_busy(|busy| busy.visit_expression(part)));
        walk_mut::walk_for_statement(self, statement);
        self.begun = begun;
        if !is_marked {
            let test =
                statement.test.get_or_insert_with(|| Expression::new_boolean_literal(span, true, &self.ast));
            self.before_turns(test, span);
        }
    }

    fn visit_while_statement(&mut self, statement: &mut WhileStatement<'a>) {
        let begun = self.begun;
        let is_marked = begins_with_a_mark_of_a_turn(&statement.body)
            && !is_busy(|busy| busy.visit_expression(&statement.test));
        walk_mut::walk_while_statement(self, statement);
        self.begun = begun;
        if !is_marked {
            self.before_turns(&mut statement.test, statement.span);
        }
    }

    fn visit_do_while_statement(&mut self, statement: &mut DoWhileStatement<'a>) {
        let begun = self.begun;
        walk_mut::walk_do_while_statement(self, statement);
        self.begun = begun;
        self.before_turns(&mut statement.test, statement.span);
    }

    fn visit_for_in_statement(&mut self, statement: &mut ForInStatement<'a>) {
        self.visit_for_statement_left(&mut statement.left);
        self.part(&mut statement.right);
        self.visit_statement(&mut statement.body);
        self.at_each_turn(&mut statement.body, statement.span);
    }

    fn visit_for_of_statement(&mut self, statement: &mut ForOfStatement<'a>) {
        self.visit_for_statement_left(&mut statement.left);
        self.part(&mut statement.right);
        self.visit_statement(&mut statement.body);
        self.at_each_turn(&mut statement.body, statement.span);
    }
}

/// Whether what a loop does in a turn begins with something that notes its line.
fn begins_with_a_mark_of_a_turn(body: &Statement<'_>) -> bool {
    match body {
        Statement::BlockStatement(block) => begins_with_a_mark(&block.body),
        statement => notes_its_line(statement),
    }
}

fn begins_with_a_mark(statements: &[Statement<'_>]) -> bool {
    statements.first().is_some_and(notes_its_line)
}

/// Whether a statement notes its line whenever it is reached. It may have been given its mark already, which is no call.
fn notes_its_line(statement: &Statement<'_>) -> bool {
    match statement {
        Statement::ExpressionStatement(statement) => {
            is_busy(|busy| busy.visit_expression(&statement.expression))
        }
        Statement::IfStatement(statement) => is_busy(|busy| busy.visit_expression(&statement.test)),
        Statement::VariableDeclaration(variables) => variables
            .declarations
            .first()
            .and_then(|variable| variable.init.as_ref())
            .is_some_and(|value| is_busy(|busy| busy.visit_expression(value))),
        _ => false,
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

/// Whether a method of this name is done at once. One of the program's own notes its lines itself.
fn is_quick(callee: &Expression<'_>) -> bool {
    let name = callee.as_member_expression().and_then(MemberExpression::static_property_name);
    name.is_some_and(|name| QUICK.contains(&name))
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
