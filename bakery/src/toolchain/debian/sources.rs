//! Where the distribution's packages come from: reads the system's own package sources and writes from them the private ones that bakery uses.
//! Pure. No server is named here: the mirror is the system's.
//!
//! The formats are those of `sources.list(5)`.

use std::fmt::Write;

/// What `/etc/os-release` says, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// `ID`: `debian`.
    pub id: String,
    /// `VERSION_CODENAME`: `bookworm`.
    pub codename: String,
}

impl Release {
    /// Reads the text of `os-release(5)`.
    pub fn parse(text: &str) -> Option<Release> {
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))?;
            Some(value.trim_matches(['"', '\'']).to_owned())
        };
        Some(Release { id: field("ID")?, codename: field("VERSION_CODENAME")? })
    }
}

/// One source of binary packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Where the archive is.
    pub uris: Vec<String>,
    /// `bookworm`, `bookworm-updates`.
    pub suites: Vec<String>,
    /// `main`, `contrib`.
    pub components: Vec<String>,
    /// The keys it must be signed with, as written; it can be a key block of several lines.
    pub signed_by: Option<String>,
}

/// Reads a file of the one-line format. Lines that are not understood are left out: apt itself complains about them elsewhere.
pub fn parse_lines(text: &str) -> Vec<Source> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let rest = line.split('#').next()?.trim().strip_prefix("deb")?;
    let rest = rest.starts_with(char::is_whitespace).then(|| rest.trim_start())?;
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by: signed_by.map(|keys| keys.replace(',', " ")),
    })
}

/// Reads a file of the paragraph format.
pub fn parse_paragraphs(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut paragraph: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')).chain([""]) {
        if line.trim().is_empty() {
            sources.extend(source_of(&std::mem::take(&mut paragraph)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = paragraph.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            paragraph.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn source_of(paragraph: &[(String, String)]) -> Option<Source> {
    let field = |name: &str| paragraph.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let words =
        |name: &str| field(name).unwrap_or("").split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let enabled = !matches!(field("enabled"), Some("no" | "false" | "0"));
    let binary = words("types").iter().any(|kind| kind == "deb");
    (enabled && binary).then(|| Source {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by").map(str::to_owned),
    })
}

/// The private sources for a system of this release with these sources: the release itself with its updates, security fixes and backports.
/// `None` if no source is the distribution's archive.
pub fn archive(system: &[Source], release: &Release) -> Option<Vec<Source>> {
    let names = [release.codename.as_str(), "stable", "testing", "unstable", "sid"];
    let (base, source) = names.iter().find_map(|name| Some((*name, main_source(system, name)?)))?;
    let only = |suites: Vec<String>| Source { suites, components: vec!["main".to_owned()], ..source.clone() };
    if matches!(base, "testing" | "unstable" | "sid") {
        return Some(vec![only(vec![base.to_owned()])]);
    }
    let mut sources =
        vec![only(vec![base.to_owned(), format!("{base}-updates"), format!("{base}-backports")])];
    sources.extend(security_source(system, source, &format!("{base}-security")));
    Some(sources)
}

/// The source that has a suite of this name and looks most like the distribution's own: others use its suites' names too.
fn main_source<'a>(system: &'a [Source], suite: &str) -> Option<&'a Source> {
    let has = |source: &Source, suite: &str| source.suites.iter().any(|name| name == suite);
    let likeness = |source: &Source| {
        let signed = source.signed_by.as_ref().is_some_and(|keys| keys.contains("debian-archive"));
        let updated =
            system.iter().any(|other| other.uris == source.uris && has(other, &format!("{suite}-updates")));
        (signed, updated)
    };
    let candidates =
        system.iter().filter(|source| has(source, suite) && source.components.iter().any(|c| c == "main"));
    // The first of equals: `max_by_key` would take the last.
    candidates.rev().max_by_key(|source| likeness(source))
}

/// The source of security fixes: the system's, or the folder `debian-security` beside the mirror's `debian`.
fn security_source(system: &[Source], main: &Source, suite: &str) -> Option<Source> {
    if let Some(source) = system.iter().find(|source| source.suites.iter().any(|name| name == suite)) {
        return Some(Source {
            suites: vec![suite.to_owned()],
            components: vec!["main".to_owned()],
            ..source.clone()
        });
    }
    let uris: Vec<String> = main.uris.iter().filter_map(|uri| beside(uri)).collect();
    (!uris.is_empty())
        .then(|| Source { uris, suites: vec![suite.to_owned()], ..main.clone() })
        .map(|source| Source { components: vec!["main".to_owned()], ..source })
}

fn beside(uri: &str) -> Option<String> {
    let root = uri.trim_end_matches('/').strip_suffix("/debian")?;
    Some(format!("{root}/debian-security"))
}

/// Writes sources in the paragraph format, asking for no other index than that of the packages. Nothing that would switch the checking of
/// signatures off is ever written.
pub fn render(sources: &[Source]) -> String {
    let mut text = String::new();
    for source in sources {
        let Source { uris, suites, components, signed_by } = source;
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "Types: deb\nURIs: {}\nSuites: {}\nComponents: {}\nTargets: Packages\n",
            uris.join(" "),
            suites.join(" "),
            components.join(" ")
        );
        if let Some(keys) = signed_by {
            let _ = writeln!(text, "Signed-By: {keys}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAGRAPHS: &str = "\
# the mirror
Types: deb deb-src
URIs: http://mirror.test/debian
# between
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://off.test/debian
Suites: bookworm
Components: main

Types: deb
URIs: https://vendor.test/
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINB
 -----END PGP PUBLIC KEY BLOCK-----
";

    fn bookworm() -> Release {
        Release { id: "debian".into(), codename: "bookworm".into() }
    }

    #[test]
    fn the_release_is_read_with_and_without_quotes() {
        let release = Release::parse("PRETTY_NAME=\"Debian 12\"\nVERSION_CODENAME=bookworm\nID=\"debian\"\n");
        assert_eq!(release, Some(bookworm()));
        assert_eq!(Release::parse("ID=alpine\n"), None);
    }

    #[test]
    fn paragraphs_are_read_with_comments_switches_and_key_blocks() {
        let sources = parse_paragraphs(PARAGRAPHS);
        let uris: Vec<_> = sources.iter().map(|source| source.uris[0].as_str()).collect();
        assert_eq!(
            uris,
            ["http://mirror.test/debian", "http://mirror.test/debian-security", "https://vendor.test/"]
        );
        assert!(sources[2].signed_by.as_ref().unwrap().contains("mQINB"));
        assert_eq!(parse_paragraphs(&render(&sources)), sources, "what is written reads the same");
    }

    #[test]
    fn lines_are_read_with_and_without_options() {
        let text = "deb [arch=amd64 signed-by=/k.gpg] http://a.test/debian bookworm main contrib # why\n\
                    deb-src http://a.test/debian bookworm main\n# deb http://b.test x main\ndebris\n\
                    deb http://c.test/debian/ bookworm main\n";
        let sources = parse_lines(text);
        assert_eq!(sources.len(), 2);
        assert_eq!(sources[0].signed_by.as_deref(), Some("/k.gpg"));
        assert_eq!(sources[0].components, ["main", "contrib"]);
        assert_eq!(sources[1].uris, ["http://c.test/debian/"]);
    }

    #[test]
    fn backports_are_added_and_the_vendors_archive_is_left_out() {
        let archive = archive(&parse_paragraphs(PARAGRAPHS), &bookworm()).unwrap();
        assert_eq!(
            render(&archive),
            "\
Types: deb
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main
Targets: Packages
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main
Targets: Packages
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

"
        );
    }

    #[test]
    fn the_vendors_archive_is_told_from_the_distributions_whatever_comes_first() {
        let text = "deb http://vendor.test/ bookworm main\ndeb http://mirror.test/debian bookworm main\n\
                    deb http://mirror.test/debian bookworm-updates main\n";
        let archive = archive(&parse_lines(text), &bookworm()).unwrap();
        assert_eq!(archive[0].uris, ["http://mirror.test/debian"]);
    }

    #[test]
    fn security_fixes_are_looked_for_beside_the_mirror_when_no_source_has_them() {
        let archive =
            archive(&parse_lines("deb http://mirror.test/debian/ bookworm main"), &bookworm()).unwrap();
        assert_eq!(archive[1].uris, ["http://mirror.test/debian-security"]);
        assert_eq!(archive[1].suites, ["bookworm-security"]);
    }

    #[test]
    fn an_unstable_system_has_one_suite() {
        let release = Release { id: "debian".into(), codename: "forky".into() };
        let archive = archive(&parse_lines("deb http://mirror.test/debian sid main"), &release).unwrap();
        assert_eq!(archive.len(), 1);
        assert_eq!(archive[0].suites, ["sid"]);
    }

    #[test]
    fn without_the_distributions_archive_there_are_no_sources() {
        assert_eq!(archive(&parse_lines("deb http://vendor.test/ stable-x main"), &bookworm()), None);
    }

    #[test]
    fn a_source_that_the_system_trusts_unsigned_is_not_trusted_here() {
        let sources = parse_lines("deb [trusted=yes] http://mirror.test/debian bookworm main");
        let text = render(&archive(&sources, &bookworm()).unwrap()).to_lowercase();
        assert!(!text.contains("trusted") && !text.contains("allow-insecure"), "{text}");
    }
}
