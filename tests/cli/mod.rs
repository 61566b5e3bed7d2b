//! The command line: whole outputs, compared with what stands in the test.

mod arguments;
mod new;
mod output;
mod record;
mod run;
mod store;
mod test;
mod trace;
