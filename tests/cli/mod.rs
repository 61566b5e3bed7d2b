//! The command line: whole outputs, compared with what stands in the test.

mod arguments;
mod fork;
mod lanes;
mod new;
mod output;
mod record;
mod run;
mod store;
mod test;
mod trace;
mod unfinished;
