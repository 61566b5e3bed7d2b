//! The interfaces an inferlet can ask for in `[runtime]`, and the versions of them that this engine has.

use semver::Version;

/// The interfaces by their short names, `core` for `pie:core`, each with the version that is implemented here.
///
/// The WIT packages themselves carry no version (a component's imports are matched by shape when it is linked); these numbers follow the published
/// interface that `wit/` implements, so a manifest written for it elsewhere means the same here.
pub static INTERFACES: [(&str, Version); 4] = [
    ("core", Version::new(0, 3, 0)),
    ("instruct", Version::new(0, 3, 0)),
    ("mcp", Version::new(0, 3, 0)),
    ("zo", Version::new(0, 3, 0)),
];

/// The version of an interface that is implemented here.
pub fn version_of(interface: &str) -> Option<&'static Version> {
    INTERFACES.iter().find(|(name, _)| *name == interface).map(|(_, version)| version)
}
