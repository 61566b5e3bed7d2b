//! Which file an import means: as Node.js finds it, with TypeScript's endings.

use std::path::{Path, PathBuf};

use oxc_resolver::{ModuleType, ResolveError, ResolveOptions, Resolver, TsconfigDiscovery};

/// Where an import leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a file. The second says whether it is CommonJS, as far as its package knows.
    File(PathBuf, bool),
    /// Out of the bundle, to what has this name there.
    Outside(String),
}

/// Why an import leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nowhere {
    /// It is a module of Node.js.
    Builtin(String),
    /// There is no such file.
    File,
    /// There is no such package.
    Package(String),
    /// Anything else.
    Other(String),
}

/// What stands outside of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// The SDK, for programs.
    Sdk,
    /// The interface, for the SDK.
    Interface,
}

/// Finds files for imports.
pub struct Resolve {
    imports: Resolver,
    requires: Resolver,
    outside: Outside,
}

impl Resolve {
    /// For a project in a folder. `packages` is a folder of packages beside those that are found on the way up.
    pub fn new(root: &Path, packages: Option<&Path>, outside: Outside) -> Resolve {
        let has_tsconfig = outside == Outside::Sdk && root.join("tsconfig.json").is_file();
        let alias =
            |from: &str, to: &[&str]| (from.to_owned(), to.iter().map(|to| (*to).to_owned()).collect());
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let mut modules = texts(&["node_modules"]);
        modules.extend(packages.map(|folder| folder.to_string_lossy().into_owned()));
        let options = ResolveOptions {
            cwd: Some(root.to_owned()),
            tsconfig: has_tsconfig.then_some(TsconfigDiscovery::Auto),
            condition_names: texts(&["inferlet", "import", "worker", "browser", "default"]),
            extensions: texts(&[".ts", ".mts", ".tsx", ".js", ".mjs", ".json"]),
            extension_alias: vec![
                alias(".js", &[".ts", ".tsx", ".js"]),
                alias(".mjs", &[".mts", ".mjs"]),
                alias(".cjs", &[".cts", ".cjs"]),
            ],
            main_fields: texts(&["module", "main"]),
            alias_fields: vec![texts(&["browser"])],
            modules,
            module_type: true,
            builtin_modules: true,
            node_path: false,
            ..ResolveOptions::default()
        };
        let imports = Resolver::new(options.clone());
        let requires = imports.clone_with_options(ResolveOptions {
            condition_names: texts(&["inferlet", "require", "worker", "browser", "default"]),
            main_fields: texts(&["main", "module"]),
            ..options
        });
        Resolve { imports, requires, outside }
    }

    /// What `specifier` means in the file `from`.
    pub fn find(&self, from: &Path, specifier: &str, required: bool) -> Result<Target, Nowhere> {
        if let Some(name) = self.outside(specifier) {
            return Ok(Target::Outside(name));
        }
        let resolver = if required { &self.requires } else { &self.imports };
        match resolver.resolve_file(from, specifier) {
            Ok(found) => {
                let is_common = match found.module_type() {
                    Some(ModuleType::CommonJs) => true,
                    Some(_) => false,
                    // No `package.json` says what it is.
                    None => found
                        .path()
                        .extension()
                        .is_some_and(|extension| extension == "js" || extension == "cjs"),
                };
                Ok(Target::File(found.into_path_buf(), is_common))
            }
            Err(ResolveError::Builtin { resolved, .. }) => Err(Nowhere::Builtin(resolved)),
            Err(ResolveError::NotFound(_)) if specifier.starts_with(['.', '/']) => Err(Nowhere::File),
            Err(ResolveError::NotFound(_)) => Err(Nowhere::Package(package(specifier).to_owned())),
            Err(error) => Err(Nowhere::Other(error.to_string())),
        }
    }

    fn outside(&self, specifier: &str) -> Option<String> {
        let is_outside = match self.outside {
            Outside::Sdk if matches!(specifier, "fs/promises" | "node:fs/promises") => {
                return Some("inferlet/fs".to_owned());
            }
            Outside::Sdk => specifier == "inferlet" || specifier.starts_with("inferlet/"),
            Outside::Interface => specifier.starts_with("pie:") || specifier.starts_with("wasi:"),
        };
        is_outside.then(|| specifier.to_owned())
    }
}

/// The package of an import: `@a/b` of `@a/b/c`.
pub fn package(specifier: &str) -> &str {
    let parts = if specifier.starts_with('@') { 2 } else { 1 };
    let end = specifier.match_indices('/').nth(parts - 1).map_or(specifier.len(), |(at, _)| at);
    &specifier[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_of_its_package() {
        for (specifier, expected) in
            [("zod", "zod"), ("zod/v4", "zod"), ("@a/b", "@a/b"), ("@a/b/c/d", "@a/b")]
        {
            assert_eq!(package(specifier), expected);
        }
    }
}
