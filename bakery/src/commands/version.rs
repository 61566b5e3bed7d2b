//! `bakery --version`

use serde::Serialize;

use crate::environment::Environment;
use crate::error::Result;
use crate::ui::Ui;

/// About this executable.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename = "version")]
#[schemars(title = "version")]
pub struct VersionDocument {
    /// Version of bakery.
    pub version: &'static str,
    /// The newest format of trace files it reads, and the one it writes.
    pub trace_format: u32,
    /// What it was built for, for example `x86_64-linux`.
    pub platform: String,
    /// Where it keeps what it can make again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_dir: Option<String>,
}

/// Prints the version, with `--verbose` all there is to know.
///
/// # Errors
/// Standard output is closed or broken.
pub fn run(env: &Environment, ui: &Ui) -> Result<()> {
    let document = VersionDocument {
        version: env!("CARGO_PKG_VERSION"),
        trace_format: pie_engine::trace::FORMAT,
        platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        cache_dir: env.cache_dir().ok().map(|folder| folder.display().to_string()),
    };
    if ui.json() {
        return ui.document(&document);
    }
    ui.line(format_args!("bakery {}", document.version))?;
    if ui.verbose() {
        ui.line(format_args!("trace format: {}", document.trace_format))?;
        ui.line(format_args!("platform:     {}", document.platform))?;
        ui.line(format_args!("cache:        {}", document.cache_dir.as_deref().unwrap_or("none")))?;
    }
    Ok(())
}
