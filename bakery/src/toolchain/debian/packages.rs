//! Which packages are needed: reads what `apt-cache show` prints, and follows dependencies. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// A way in which the distribution packages a Rust compiler with the source of its library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The compiler.
    pub rustc: &'static str,
    /// Its cargo.
    pub cargo: &'static str,
    /// The source of the standard library, of the same version.
    pub source: &'static str,
    /// The linker driver for components and what goes with it.
    pub tools: &'static str,
}

/// The families, in no order: the newest compiler wins.
///
/// `rustc-web` is the compiler that stable releases carry for building browsers, and so the one that they keep new.
pub const FAMILIES: [Family; 2] = [
    Family { rustc: "rustc-web", cargo: "cargo-web", source: "rust-web-src", tools: "rust-web-llvm" },
    Family { rustc: "rustc", cargo: "cargo", source: "rust-src", tools: "rust-llvm" },
];

/// The C library for WebAssembly. The release's own can be too old for `wasm32-wasip2`, so this one may come from the backports.
pub const C_LIBRARY: &str = "wasi-libc";

impl Family {
    /// The packages to start from.
    pub fn roots(&self) -> [&'static str; 4] {
        [self.rustc, self.cargo, self.source, self.tools]
    }
}

/// One version of a package, as the archive describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Names of what it needs; where there is a choice, the first.
    pub depends: Vec<String>,
    /// What there is to fetch.
    pub size_bytes: u64,
}

impl Package {
    /// The version of what is packaged, without what the distribution adds: `1.96.0` of `1.96.0+dfsg1-1~deb12u2`.
    pub fn upstream(&self) -> Option<semver::Version> {
        let version = self.version.split_once(':').map_or(self.version.as_str(), |(_epoch, rest)| rest);
        let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
        semver::Version::parse(&version[..end]).ok()
    }
}

/// Reads the paragraphs of `apt-cache show`. Of several versions of a package the first counts: the one that apt would take.
pub fn parse(text: &str) -> Vec<Package> {
    let mut packages: Vec<Package> = Vec::new();
    for paragraph in text.split("\n\n") {
        let package = parse_paragraph(paragraph);
        let known = packages.iter().any(|other| other.name == package.name);
        if !package.name.is_empty() && !known {
            packages.push(package);
        }
    }
    packages
}

fn parse_paragraph(paragraph: &str) -> Package {
    let mut package = Package::default();
    for (name, value) in paragraph.lines().filter_map(|line| line.split_once(": ")) {
        match name {
            "Package" => value.clone_into(&mut package.name),
            "Version" => value.clone_into(&mut package.version),
            "Size" => package.size_bytes = value.parse().unwrap_or(0),
            "Depends" | "Pre-Depends" => package.depends.extend(value.split(',').filter_map(first_choice)),
            _ => {}
        }
    }
    package
}

/// `libfoo` of `libfoo:any (>= 1) | libbar`.
fn first_choice(dependency: &str) -> Option<String> {
    let first = dependency.split('|').next()?.trim();
    let end = first.find([' ', '(', ':', '[']).unwrap_or(first.len());
    (end > 0).then(|| first[..end].to_owned())
}

/// The newest family whose compiler is at least `minimum` and whose packages all have the compiler's version.
pub fn newest_family(known: &[Package], minimum: &semver::Version) -> Option<Family> {
    let find = |name: &str| known.iter().find(|package| package.name == name);
    let version_of = |family: &Family| {
        let version = find(family.rustc)?.upstream()?;
        let same = |name: &&str| find(name).and_then(Package::upstream).as_ref() == Some(&version);
        family.roots().iter().all(same).then_some(version)
    };
    let usable = FAMILIES.iter().filter_map(|family| Some((version_of(family)?, *family)));
    usable.filter(|(version, _)| version >= minimum).max_by(|a, b| a.0.cmp(&b.0)).map(|(_, family)| family)
}

/// The linker that belongs to a family's tools: they need `llvm-22`, so it is `lld-22`.
pub fn linker(tools: &Package) -> Option<String> {
    let number = |name: &str| {
        let digits = ["llvm-", "lld-", "clang-"].iter().find_map(|prefix| name.strip_prefix(prefix))?;
        digits.chars().all(|c| c.is_ascii_digit()).then(|| digits.to_owned())
    };
    tools.depends.iter().find_map(|name| number(name)).map(|number| format!("lld-{number}"))
}

/// The libraries that `packages` need and that are neither on the system nor among them. Only libraries are followed: compilers and C headers for the
/// host must be the system's.
pub fn missing_libraries(
    packages: &BTreeMap<String, Package>,
    installed: &BTreeSet<String>,
) -> BTreeSet<String> {
    let needed = packages.values().flat_map(|package| &package.depends);
    let followed = needed.filter(|name| name.starts_with("lib") && !is_c_library(name));
    followed.filter(|name| !packages.contains_key(*name) && !installed.contains(*name)).cloned().collect()
}

/// The Python of the distribution, and the wheel of pip that it makes environments with.
pub const PYTHON: [&str; 2] = ["python3", "python3-pip-whl"];

/// What a Python needs that is not among `packages`: libraries as in [`missing_libraries`], and all parts of the Python itself, which must lie in one folder
/// even where the system has them too.
pub fn missing_for_python(
    packages: &BTreeMap<String, Package>,
    installed: &BTreeSet<String>,
) -> BTreeSet<String> {
    let is_part = |name: &str| name.starts_with("python3.") || name.starts_with("libpython3");
    let elsewhere = installed.iter().filter(|name| !is_part(name)).cloned().collect();
    let mut missing = missing_libraries(packages, &elsewhere);
    let needed = packages.values().flat_map(|package| &package.depends);
    missing.extend(needed.filter(|name| is_part(name) && !packages.contains_key(*name)).cloned());
    missing
}

/// The C library of the host and its headers: taking another than the system's would end badly.
fn is_c_library(name: &str) -> bool {
    name.starts_with("libc6") || name == "libc-dev" || name == "libc-dev-bin"
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "\
Package: rustc-web
Version: 1.96.0+dfsg1-1~deb12u2
Installed-Size: 13205
Depends: libc6 (>= 2.34), libstd-rust-web-dev (= 1.96.0+dfsg1-1~deb12u2), gcc, libc-dev, binutils (>= 2.26)
Size: 4450500
Description: Rust systems programming language
 Depends: this line is text

Package: rustc-web
Version: 1.85.0+dfsg3-1~deb12u3
Size: 3846064

Package: rust-web-llvm
Version: 1.96.0+dfsg1-1~deb12u2
Depends: libc6 (>= 2.34), llvm-22
Size: 1844116

Package: cargo-web
Version: 1.96.0+dfsg1-1~deb12u2
Pre-Depends: libssl3 (>= 3.0.0) | libssl-other
Depends: libgit2-1.5:any (>= 1.5.0), rustc-web (= 1.96.0+dfsg1-1~deb12u2), gcc | clang
Size: 7646412

Package: rust-web-src
Version: 1.96.0+dfsg1-1~deb12u2
Size: 45012756
";

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn descriptions_are_read_and_the_first_version_counts() {
        let packages = parse(SHOWN);
        let names: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["rustc-web", "rust-web-llvm", "cargo-web", "rust-web-src"]);
        assert_eq!(packages[0].size_bytes, 4_450_500);
        assert_eq!(packages[0].depends, ["libc6", "libstd-rust-web-dev", "gcc", "libc-dev", "binutils"]);
        assert_eq!(packages[2].depends, ["libssl3", "libgit2-1.5", "rustc-web", "gcc"]);
    }

    #[test]
    fn versions_lose_what_the_distribution_adds() {
        let upstream = |version: &str| Package { version: version.into(), ..Package::default() }.upstream();
        assert_eq!(upstream("1.96.0+dfsg1-1~deb12u2"), Some(semver::Version::new(1, 96, 0)));
        assert_eq!(upstream("1:22.1.8-1~deb12u1"), Some(semver::Version::new(22, 1, 8)));
        assert_eq!(upstream("0.0~git20240708"), None);
        assert_eq!(upstream(""), None);
    }

    #[test]
    fn a_family_must_be_complete_and_new_enough() {
        let packages = parse(SHOWN);
        assert_eq!(newest_family(&packages, &semver::Version::new(1, 95, 0)), Some(FAMILIES[0]));
        assert_eq!(newest_family(&packages, &semver::Version::new(1, 97, 0)), None);
        assert_eq!(newest_family(&packages[1..], &semver::Version::new(1, 95, 0)), None);
    }

    #[test]
    fn a_family_whose_source_has_another_version_does_not_count() {
        let packages = parse(
            &SHOWN
                .replace("Package: rust-web-src\nVersion: 1.96.0", "Package: rust-web-src\nVersion: 1.85.0"),
        );
        assert_eq!(newest_family(&packages, &semver::Version::new(1, 85, 0)), None);
    }

    #[test]
    fn the_newest_of_two_families_wins() {
        let names = FAMILIES.iter().flat_map(Family::roots);
        let version = |name: &str| if name.contains("web") { "1.96.0+dfsg1-1" } else { "1.97.1+dfsg1-1" };
        let packages: Vec<_> = names
            .map(|name| Package { name: name.into(), version: version(name).into(), ..Package::default() })
            .collect();
        assert_eq!(newest_family(&packages, &semver::Version::new(1, 95, 0)), Some(FAMILIES[1]));
    }

    #[test]
    fn the_linker_has_the_number_of_the_tools() {
        assert_eq!(linker(&parse(SHOWN)[1]).as_deref(), Some("lld-22"));
        assert_eq!(linker(&parse(SHOWN)[0]), None);
    }

    #[test]
    fn all_parts_of_a_python_are_followed_and_of_its_libraries_those_that_are_not_there() {
        let shown = "\
Package: python3
Version: 3.11.2-1+b1
Pre-Depends: python3-minimal (= 3.11.2-1+b1)
Depends: python3.11 (>= 3.11.2-1~), libpython3-stdlib (= 3.11.2-1+b1)

Package: python3.11
Version: 3.11.2-6+deb12u7
Depends: python3.11-minimal (= 3.11.2-6+deb12u7), libpython3.11-stdlib, media-types | mime-support, libc6, libssl3, libexpat1
";
        let packages = parse(shown).into_iter().map(|package| (package.name.clone(), package)).collect();
        let installed = set(&["libssl3", "libpython3.11-stdlib", "python3.11-minimal"]);
        let missing = missing_for_python(&packages, &installed);
        assert_eq!(
            missing,
            set(&["libexpat1", "libpython3-stdlib", "libpython3.11-stdlib", "python3.11-minimal"])
        );
    }

    #[test]
    fn only_libraries_that_are_not_there_are_followed() {
        let packages = parse(SHOWN).into_iter().map(|package| (package.name.clone(), package)).collect();
        let missing = missing_libraries(&packages, &set(&["libssl3"]));
        assert_eq!(missing, set(&["libgit2-1.5", "libstd-rust-web-dev"]));
    }
}
