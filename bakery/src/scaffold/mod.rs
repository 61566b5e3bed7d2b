//! Templates -> the files of a new project.
//!
//! A template is a folder of `templates/`, embedded in the executable. [`catalog`] lists them, [`plan`] turns one into files in memory, and
//! [`write`](mod@write) puts these into a new folder, all of them or none. The three know nothing of each other's business: planning touches no
//! disk, writing knows no template.
//!
//! How a template is written is described in `template.rs`.

mod name;
mod plan;
mod template;
mod write;

pub use name::check_new_name;
pub use plan::{File, Variables, plan};
pub use template::{Template, catalog, find};
pub use write::write;

#[cfg(test)]
mod tests;
