//! What JavaScript and TypeScript become components with: the QuickJS that bakery pins ([`quickjs`]), and, where there is a Node.js, SpiderMonkey
//! ([`spidermonkey`]), what checks types ([`typescript`]) and what brings packages ([`node`]).
//!
//! Invariants as in [`super`]: nothing outside the cache is touched, what appears in it is whole and is what was pinned, two bakeries do not provide at the
//! same time.

mod installed;
pub mod node;
pub mod quickjs;
pub mod spidermonkey;
pub mod typescript;

use std::path::{Path, PathBuf};

/// The folder of all of it.
fn folder(cache: &Path) -> PathBuf {
    cache.join("toolchains/javascript")
}
