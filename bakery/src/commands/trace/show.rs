//! `bakery trace show`: a trace for a person, as a list of events, as lanes, or as a page.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::report::html::{Most, Page};
use crate::report::{Reporter, jsonl::JsonLines, lanes::Lanes, recorded::Trace, terminal::Timeline};
use crate::ui::{Ui, output_error};

/// What is shown how.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file that `bakery run --trace` wrote
    pub file: PathBuf,
    /// Contexts as lanes beside each other, with the tokens they read and choose, instead of a line for each event
    #[arg(long, conflicts_with = "html")]
    pub lanes: bool,
    /// Write a page for a browser to this file: timeline, fork tree, tokens, pages, search. It needs no network
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Shows a trace.
pub(super) fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let file = &args.file;
    if let Some(path) = &args.html {
        return page(file, path, env, ui);
    }
    let (stream, theme) = (ui.stdout(), ui.stdout().theme());
    if ui.json() {
        show(file, env, &mut JsonLines::new(stream), &output_error)
    } else if args.lanes {
        show(file, env, &mut Lanes::new(stream, theme, ui.width()), &output_error)
    } else {
        show(file, env, &mut Timeline::new(stream, theme, ui.width()), &output_error)
    }
}

fn page(file: &Path, path: &Path, env: &Environment, ui: &Ui) -> Result<()> {
    let shown = path.display();
    let unwritable = |cause| Error::environment(format!("cannot write `{shown}`")).caused_by(cause);
    // Before a file is made, so that one that was there stays if there is nothing to show.
    Trace::open(file, env)?;
    let out = BufWriter::new(File::create(env.current_dir.join(path)).map_err(unwritable)?);
    let written = show(file, env, &mut Page::new(out, Most::default()), &unwritable);
    ui.status("Wrote", format_args!("`{shown}`"));
    written
}

fn show(
    file: &Path,
    env: &Environment,
    reporter: &mut dyn Reporter,
    unwritable: &dyn Fn(io::Error) -> Error,
) -> Result<()> {
    let mut trace = Trace::open(file, env)?;
    reporter.begin(trace.header()).map_err(unwritable)?;
    while let Some(record) = trace.next(env)? {
        reporter.report(&record).map_err(unwritable)?;
    }
    reporter.finish().map_err(unwritable)?;
    trace.end()
}
