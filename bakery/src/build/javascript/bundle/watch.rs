//! Has the SDK watch promises that might be lost: those that a statement calls and leaves, and those that are kept without a wait.

use oxc_allocator::{Allocator, TakeIn};
use oxc_ast::ast::{
    Argument, ArrayExpression, ArrowFunctionExpression, AssignmentExpression, AssignmentOperator,
    CallExpression, Expression, ExpressionStatement, Function, ObjectProperty, Program, UnaryOperator,
    VariableDeclarator,
};
use oxc_ast::builder::AstBuilder;
use oxc_ast_visit::{VisitMut, walk_mut};
use oxc_span::GetSpan;
use oxc_syntax::scope::ScopeFlags;

/// The function that a statement hands over what nobody waits for.
const FLOATING: &str = "__inferlet_floating";

/// The function that gets what is kept, where somebody may wait for it later.
const KEPT: &str = "__inferlet_kept";

/// The methods that keep what they are given.
const KEEPING: [&str; 4] = ["push", "unshift", "add", "set"];

/// Wraps calls whose promises may be lost.
pub fn promises<'a>(allocator: &'a Allocator, program: &mut Program<'a>) {
    Watch { ast: AstBuilder::new(allocator), is_async: true }.visit_program(program);
}

struct Watch<'a> {
    ast: AstBuilder<'a>,
    /// Whether it is in an asynchronous function, or at the top level. Others compute, and hardly ever keep a promise.
    is_async: bool,
}

impl<'a> Watch<'a> {
    fn keep(&self, value: &mut Expression<'a>) {
        if self.is_async && is_call(value) {
            self.wrap(value, KEPT);
        }
    }

    fn wrap(&self, value: &mut Expression<'a>, function: &'static str) {
        let ast = &self.ast;
        let inner = value.take_in(ast);
        let callee = Expression::new_identifier(inner.span(), function, ast);
        *value =
            Expression::new_call_expression(inner.span(), callee, None, [Argument::from(inner)], false, ast);
    }

    fn inside(&mut self, is_async: bool, walk: impl FnOnce(&mut Self)) {
        let outside = std::mem::replace(&mut self.is_async, is_async);
        walk(self);
        self.is_async = outside;
    }
}

/// Whether it may make a promise.
fn is_call(expression: &Expression<'_>) -> bool {
    match expression {
        Expression::CallExpression(call) => !matches!(call.callee, Expression::Super(_)),
        Expression::ChainExpression(_) => true,
        Expression::NewExpression(made) => {
            matches!(&made.callee, Expression::Identifier(name) if name.name == "Promise")
        }
        _ => false,
    }
}

impl<'a> VisitMut<'a> for Watch<'a> {
    fn visit_function(&mut self, function: &mut Function<'a>, flags: ScopeFlags) {
        self.inside(function.r#async, |watch| walk_mut::walk_function(watch, function, flags));
    }

    fn visit_arrow_function_expression(&mut self, function: &mut ArrowFunctionExpression<'a>) {
        self.inside(function.r#async, |watch| walk_mut::walk_arrow_function_expression(watch, function));
    }

    fn visit_expression_statement(&mut self, statement: &mut ExpressionStatement<'a>) {
        walk_mut::walk_expression_statement(self, statement);
        let left = match &mut statement.expression {
            Expression::UnaryExpression(unary) if unary.operator == UnaryOperator::Void => {
                &mut unary.argument
            }
            expression => expression,
        };
        if is_call(left) {
            let mut left = left.take_in(&self.ast);
            self.wrap(&mut left, FLOATING);
            statement.expression = left;
        }
    }

    fn visit_variable_declarator(&mut self, variable: &mut VariableDeclarator<'a>) {
        walk_mut::walk_variable_declarator(self, variable);
        if let Some(value) = &mut variable.init {
            self.keep(value);
        }
    }

    fn visit_assignment_expression(&mut self, assignment: &mut AssignmentExpression<'a>) {
        walk_mut::walk_assignment_expression(self, assignment);
        if assignment.operator == AssignmentOperator::Assign {
            self.keep(&mut assignment.right);
        }
    }

    fn visit_array_expression(&mut self, array: &mut ArrayExpression<'a>) {
        walk_mut::walk_array_expression(self, array);
        for element in &mut array.elements {
            if let Some(value) = element.as_expression_mut() {
                self.keep(value);
            }
        }
    }

    fn visit_object_property(&mut self, property: &mut ObjectProperty<'a>) {
        walk_mut::walk_object_property(self, property);
        self.keep(&mut property.value);
    }

    fn visit_call_expression(&mut self, call: &mut CallExpression<'a>) {
        walk_mut::walk_call_expression(self, call);
        let Expression::StaticMemberExpression(member) = &call.callee else { return };
        if KEEPING.contains(&member.property.name.as_str()) {
            for argument in &mut call.arguments {
                if let Some(value) = argument.as_expression_mut() {
                    self.keep(value);
                }
            }
        }
    }
}
