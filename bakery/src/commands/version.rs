//! `bakery --version`

use serde::Serialize;

use crate::environment::Environment;
use crate::error::Result;
use crate::ui::Ui;

/// About this executable.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "version")]
pub enum VersionDocument {
    /// Its version and what goes with it.
    Version {
        /// Version of bakery.
        version: &'static str,
        /// The newest format of trace files it reads, and the one it writes.
        trace_format: u32,
        /// What it was built for, for example `x86_64-linux`.
        platform: String,
        /// Where it keeps what it can make again.
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_dir: Option<String>,
    },
}

/// Prints the version, with `--verbose` all there is to know.
///
/// # Errors
/// Standard output is closed or broken.
pub fn run(env: &Environment, ui: &Ui) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let trace_format = pie_engine::trace::FORMAT;
    let platform = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let cache_dir = env.cache_dir().ok().map(|folder| folder.display().to_string());
    if ui.json() {
        return ui.document(&VersionDocument::Version { version, trace_format, platform, cache_dir });
    }
    ui.line(format_args!("bakery {version}"))?;
    if ui.verbose() {
        ui.line(format_args!("trace format: {trace_format}"))?;
        ui.line(format_args!("platform:     {platform}"))?;
        ui.line(format_args!("cache:        {}", cache_dir.as_deref().unwrap_or("none")))?;
    }
    Ok(())
}
