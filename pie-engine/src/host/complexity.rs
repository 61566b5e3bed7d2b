//! Limits of what is compiled. To compile takes memory and time, which no fuel bounds, and a component that is made for it can take much of both
//! with few bytes; so it is looked through before.
//!
//! The compiler's work is in proportion to the code, with two exceptions that [`FLOW`] is about. Where a function has many variables and many
//! branches, each variable may have another value after each branch: 5,000 branches of 2,000 variables, 55 kB, took 20 s and 1 GB. And
//! whatever is inside of blocks looks at them: 100,000 blocks inside of each other, 300 kB, took 25 s. (Both with a compiler that was built for tests.)
//! For comparison, CPython 3.14 as componentize-py brings it has 13,000 functions, the largest of 430 kB, and a flow of 4.4 million.

use wasmparser::{FunctionBody, Operator, Parser, Payload};

/// A limit of components was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("over the `{}` limit of components: {wanted} {}, {} allowed", .limit.name, .limit.unit, .limit.allowed)]
pub struct TooComplex {
    /// The limit.
    pub limit: ComponentLimit,
    /// How much there is, or at least how much.
    pub wanted: u64,
}

/// A named limit of components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComponentLimit {
    /// Its name.
    pub name: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// How much there may be.
    pub allowed: u64,
}

/// The component with everything in it.
pub const SIZE: ComponentLimit = ComponentLimit { name: "component-size", unit: "bytes", allowed: 64 << 20 };
/// The functions of all its modules.
pub const FUNCTIONS: ComponentLimit =
    ComponentLimit { name: "functions", unit: "functions", allowed: 100_000 };
/// The code of each function.
pub const FUNCTION_SIZE: ComponentLimit =
    ComponentLimit { name: "function-size", unit: "bytes in one function", allowed: 4 << 20 };
/// For all functions together, and for each a tenth of it: its branches times its variables, [`NESTED_BLOCKS`] counting as one more.
pub const FLOW: ComponentLimit =
    ComponentLimit { name: "flow", unit: "branches times variables", allowed: 40_000_000 };
/// So many blocks inside of each other cost about as much as a variable.
const NESTED_BLOCKS: u64 = 128;

impl ComponentLimit {
    fn check(self, wanted: u64) -> Result<(), TooComplex> {
        if wanted > self.allowed { Err(TooComplex { limit: self, wanted }) } else { Ok(()) }
    }
}

/// Looks through a component. What cannot be read is left to the compiler, which says what is wrong with it.
pub fn check(wasm: &[u8]) -> Result<(), TooComplex> {
    let function_flow = ComponentLimit {
        unit: "branches times variables in one function",
        allowed: FLOW.allowed / 10,
        ..FLOW
    };
    SIZE.check(wasm.len() as u64)?;
    let (mut functions, mut all_flow) = (0, 0_u64);
    for payload in Parser::new(0).parse_all(wasm) {
        let body = match payload {
            Ok(Payload::CodeSectionEntry(body)) => body,
            Ok(_) => continue,
            Err(_) => break,
        };
        functions += 1;
        FUNCTIONS.check(functions)?;
        FUNCTION_SIZE.check(body.range().len() as u64)?;
        let flow = flow(&body);
        function_flow.check(flow)?;
        all_flow = all_flow.saturating_add(flow);
        FLOW.check(all_flow)?;
    }
    Ok(())
}

fn flow(body: &FunctionBody<'_>) -> u64 {
    let (mut branches, mut variables, mut depth, mut deepest) = (0_u64, 0_u64, 0_u64, 0_u64);
    let Ok(mut operators) = body.get_operators_reader() else { return 0 };
    while let Ok(operator) = operators.read() {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => {
                branches += 1;
                depth += 1;
                deepest = deepest.max(depth);
            }
            Operator::Else | Operator::BrIf { .. } => branches += 1,
            Operator::BrTable { targets } => branches += u64::from(targets.len()),
            Operator::End => depth = depth.saturating_sub(1),
            Operator::LocalGet { local_index }
            | Operator::LocalSet { local_index }
            | Operator::LocalTee { local_index } => variables = variables.max(u64::from(local_index) + 1),
            _ => {}
        }
    }
    branches.saturating_mul(variables + deepest / NESTED_BLOCKS)
}
