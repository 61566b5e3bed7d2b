//! What inferlets can import: the worlds of `wit/`, which travels inside the executable.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use wit_parser::{Interface, PackageId, Resolve, SourceMap, UnresolvedPackageGroup, WorldId, WorldItem};

use crate::error::{Error, Result};

pub static WIT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../wit");

/// All that an inferlet can import without a permission.
const INFERLET: &str = "inferlet-async";

/// What those can that may use the network.
const NETWORK: &str = "network";

/// The worlds, read.
pub struct World {
    resolve: Resolve,
    inferlet: WorldId,
    /// Names without versions.
    granted: BTreeSet<String>,
    network: BTreeSet<String>,
}

/// Whether an inferlet can import an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every inferlet can.
    Granted,
    /// Those that may use the network can.
    NeedsNetwork,
    /// None can.
    None,
}

impl World {
    /// The worlds of `wit/`.
    ///
    /// # Errors
    /// They cannot be read, which a test rules out.
    pub fn get() -> Result<&'static World> {
        static WORLD: LazyLock<Result<World, String>> = LazyLock::new(World::read);
        WORLD.as_ref().map_err(|error| {
            Error::bug("the interface inside bakery cannot be read").caused_by(error.as_str())
        })
    }

    fn read() -> Result<World, String> {
        let mut resolve = Resolve::default();
        let mut dependencies = Vec::new();
        for dir in WIT.get_dir("deps").into_iter().flat_map(Dir::dirs) {
            dependencies.push(group(dir)?);
        }
        let package = resolve.push_groups(group(&WIT)?, dependencies).map_err(|error| error.to_string())?;
        let inferlet = world(&resolve, package, INFERLET)?;
        let network = world(&resolve, package, NETWORK)?;
        let (granted, network) = (imports(&resolve, inferlet), imports(&resolve, network));
        Ok(World { resolve, inferlet, granted, network })
    }

    /// Whether an inferlet can import the interface of this name. WASI is known in every version 0.2: what was in one is in all later ones.
    pub fn access(&self, name: &str) -> Access {
        let (plain, version) =
            name.split_once('@').map_or((name, None), |(plain, version)| (plain, Some(version)));
        let is_wasi = plain.starts_with("wasi:");
        let version_fits = match version {
            Some(version) => is_wasi && (version == "0.2" || version.starts_with("0.2.")),
            None => !is_wasi,
        };
        match plain {
            _ if !version_fits => Access::None,
            plain if self.granted.contains(plain) => Access::Granted,
            plain if self.network.contains(plain) => Access::NeedsNetwork,
            _ => Access::None,
        }
    }

    /// The types of the worlds.
    pub fn resolve(&self) -> &Resolve {
        &self.resolve
    }

    /// One of our own interfaces. WASI is left out: its versions differ in what they have, and a runtime knows how.
    pub fn interface(&self, name: &str) -> Option<&Interface> {
        if name.starts_with("wasi:") {
            return None;
        }
        self.resolve.worlds[self.inferlet].imports.iter().find_map(|(key, item)| match item {
            WorldItem::Interface { id, .. } if self.resolve.name_world_key(key) == name => {
                Some(&self.resolve.interfaces[*id])
            }
            _ => None,
        })
    }
}

/// The package in one folder.
fn group(dir: &Dir<'static>) -> Result<UnresolvedPackageGroup, String> {
    let mut sources = SourceMap::default();
    let is_wit = |path: &Path| path.extension().is_some_and(|extension| extension == "wit");
    for file in dir.files().filter(|file| is_wit(file.path())) {
        let text = file.contents_utf8().ok_or("not UTF-8")?;
        sources.push(file.path(), text);
    }
    sources.parse().map_err(|(sources, error)| error.render(&sources))
}

fn world(resolve: &Resolve, package: PackageId, name: &str) -> Result<WorldId, String> {
    resolve.packages[package].worlds.get(name).copied().ok_or_else(|| format!("no world `{name}`"))
}

/// The names of the imported interfaces, without versions.
fn imports(resolve: &Resolve, world: WorldId) -> BTreeSet<String> {
    let names = resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key));
    names.map(|name| name.split('@').next().unwrap_or(&name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_inside_bakery_is_readable_and_known_by_name() {
        let world = World::get().unwrap();
        assert_eq!(world.access("pie:core/context"), Access::Granted);
        assert_eq!(world.access("pie:core/wait"), Access::Granted);
        assert!(world.interface("pie:core/context").unwrap().functions.contains_key("[method]context.fork"));
    }

    #[test]
    fn wasi_is_known_in_every_version_0_2_and_in_no_other() {
        let world = World::get().unwrap();
        for version in ["0.2.0", "0.2.3", "0.2.12", "0.2.99"] {
            assert_eq!(world.access(&format!("wasi:io/poll@{version}")), Access::Granted, "{version}");
        }
        for name in ["wasi:io/poll@0.3.0", "wasi:io/poll@0.20.1", "wasi:io/poll", "pie:core/context@0.2.0"] {
            assert_eq!(world.access(name), Access::None, "{name}");
        }
    }

    #[test]
    fn http_needs_the_network_and_sockets_are_for_nobody() {
        let world = World::get().unwrap();
        assert_eq!(world.access("wasi:http/outgoing-handler@0.2.4"), Access::NeedsNetwork);
        assert_eq!(world.access("wasi:sockets/tcp@0.2.4"), Access::None);
        assert_eq!(world.access("wasi:http/incoming-handler@0.2.4"), Access::None);
    }
}
