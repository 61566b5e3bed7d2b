//! Which hosts an inferlet may reach by HTTP: what `[permissions]` lists, held against the host of a request, and against the address that its name
//! turns out to have.

use super::address::special;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

/// The hosts that one inferlet may reach; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    rules: Vec<Rule>,
    /// Those that its parent may reach.
    within: Option<Arc<Hosts>>,
}

/// One host, or all under one name: `api.example.com`, `*.example.com`, `127.0.0.1` or `[::1]`, each with an optional `:port`. Without a port, those
/// of the two schemes are meant, 80 and 443.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    name: Name,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// In lower case.
    Exactly(String),
    /// Any name that ends in a dot and this.
    Under(String),
    Address(IpAddr),
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// A host as a URL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// In lower case.
    Name(String),
    /// Not by name.
    Address(IpAddr),
}

impl Hosts {
    /// Exactly those that are listed.
    pub fn new(rules: Vec<Rule>) -> Self {
        Hosts { rules, within: None }
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() || self.within.as_ref().is_some_and(|within| within.is_empty())
    }

    /// Those of them that an inferlet may reach whose parent may reach `outer`.
    #[must_use]
    pub fn within(&self, outer: &Arc<Hosts>) -> Hosts {
        Hosts { rules: self.rules.clone(), within: Some(Arc::clone(outer)) }
    }

    /// Whether a host may be asked.
    pub fn permit(&self, destination: &Destination) -> bool {
        let own = self.rules.iter().any(|rule| rule.permits(destination));
        own && self.within.as_ref().is_none_or(|within| within.permit(destination))
    }

    /// Whether this may be an address of a host that may be asked; else what the address is for. Addresses that are not of the public internet
    /// have to be listed themselves, but for those of this machine under the name `localhost`.
    pub fn permit_address(&self, destination: &Destination, address: IpAddr) -> Result<(), &'static str> {
        let address = address.to_canonical();
        let Some(what) = special(address) else { return Ok(()) };
        let permits = |rule: &Rule| rule.permits_address(destination, address, what);
        if !self.rules.iter().any(permits) {
            return Err(what);
        }
        self.within.as_ref().map_or(Ok(()), |within| within.permit_address(destination, address))
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.rules.iter().enumerate() {
            write!(f, "{}`{rule}`", if index > 0 { ", " } else { "" })?;
        }
        if self.rules.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

impl Rule {
    fn permits(&self, destination: &Destination) -> bool {
        let fits = match (&self.name, &destination.host) {
            (Name::Exactly(name), Host::Name(host)) => name == host,
            (Name::Under(name), Host::Name(host)) => {
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Name::Address(address), Host::Address(host)) => address == host,
            _ => false,
        };
        fits && self.permits_port(destination.port)
    }

    fn permits_address(&self, destination: &Destination, address: IpAddr, what: &str) -> bool {
        let listed = match &self.name {
            Name::Address(listed) => *listed == address,
            Name::Exactly(name) => {
                let is_local = name == "localhost" || name.ends_with(".localhost");
                is_local && destination.host == Host::Name(name.clone()) && what == "loopback"
            }
            Name::Under(_) => false,
        };
        listed && self.permits_port(destination.port)
    }

    fn permits_port(&self, port: u16) -> bool {
        self.port.map_or(matches!(port, 80 | 443), |own| own == port)
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((scheme, rest)) = text.split_once("://") {
            let bare = rest.split('/').next().unwrap_or_default();
            return Err(format!("write the host without `{scheme}://`: `{bare}`"));
        }
        if let Some((bare, _)) = text.split_once('/') {
            return Err(format!("write the host without a path: `{bare}`"));
        }
        let (name, port) = split_port(text);
        let port = match port.map(parse_port) {
            None => None,
            Some(Some(port)) => Some(port),
            Some(None) => return Err("the port is not a number from 1 to 65535".to_owned()),
        };
        let name = match name.strip_prefix("*.") {
            Some(under) if is_name(under) => Name::Under(under.to_ascii_lowercase()),
            Some(_) => return Err("not the name of a host".to_owned()),
            None if name.contains('*') => {
                return Err("`*` stands only for the first part, as in `*.example.com`".to_owned());
            }
            None if name.starts_with('[') => Name::Address(bracketed(name).ok_or("not an IPv6 address")?),
            None => match host(name).ok_or("not the name of a host")? {
                Host::Name(name) => Name::Exactly(name),
                Host::Address(address) => Name::Address(address),
            },
        };
        Ok(Rule { name, port })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Name::Exactly(name) => f.write_str(name)?,
            Name::Under(name) => write!(f, "*.{name}")?,
            Name::Address(IpAddr::V4(address)) => address.fmt(f)?,
            Name::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Destination {
    /// Reads `host` or `host:port`; without one, the port is that of the scheme. User names and passwords are not taken.
    pub fn parse(authority: &str, port_of_scheme: u16) -> Option<Destination> {
        let (name, port) = split_port(authority);
        let port = port.map_or(Some(port_of_scheme), parse_port)?;
        let host = if name.starts_with('[') { Host::Address(bracketed(name)?) } else { host(name)? };
        Some(Destination { host, port })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => f.write_str(name)?,
            Host::Address(IpAddr::V4(address)) => address.fmt(f)?,
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        if matches!(self.port, 80 | 443) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// The host and, behind its last colon, the port. An address between brackets keeps its colons.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

fn bracketed(name: &str) -> Option<IpAddr> {
    let address: Ipv6Addr = name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
    Some(IpAddr::V6(address).to_canonical())
}

/// A name, or an address of version 4. Browsers and C libraries read anything whose last part is a number as an address (`2130706433`, `0x7f.1`), so here
/// only the usual form of one is taken, and the rest is neither.
fn host(text: &str) -> Option<Host> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(Host::Address(address.into()));
    }
    is_name(text).then(|| Host::Name(text.to_ascii_lowercase()))
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label) && !ends_in_a_number(name)
}

fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(rules: &[&str]) -> Hosts {
        Hosts::new(rules.iter().map(|rule| rule.parse().unwrap()).collect())
    }

    fn to(authority: &str) -> Destination {
        Destination::parse(authority, 443).unwrap()
    }

    #[track_caller]
    fn check(rules: &[&str], authority: &str, permitted: bool) {
        assert_eq!(hosts(rules).permit(&to(authority)), permitted, "{authority} under {rules:?}");
    }

    #[test]
    fn a_host_is_permitted_by_its_name_and_under_a_star() {
        check(&["api.example.com"], "api.example.com", true);
        check(&["API.example.com"], "Api.Example.Com", true);
        check(&["api.example.com"], "example.com", false);
        check(&["api.example.com"], "evil-api.example.com", false);
        check(&["*.example.com"], "a.example.com", true);
        check(&["*.example.com"], "a.b.example.com", true);
        check(&["*.example.com"], "example.com", false);
        check(&["*.example.com"], "badexample.com", false);
        check(&[], "example.com", false);
    }

    #[test]
    fn a_port_counts_and_without_one_those_of_the_schemes_do() {
        check(&["a.com"], "a.com:443", true);
        check(&["a.com"], "a.com:80", true);
        check(&["a.com"], "a.com:8080", false);
        check(&["a.com:8080"], "a.com:8080", true);
        check(&["a.com:8080"], "a.com", false);
        check(&["[::1]:8080"], "[::1]:8080", true);
        check(&["[::1]:8080"], "[::2]:8080", false);
    }

    #[test]
    fn an_address_is_no_name_and_has_one_form() {
        check(&["127.0.0.1"], "127.0.0.1", true);
        check(&["127.0.0.1"], "[::ffff:127.0.0.1]", true);
        for wrong in [
            "2130706433",
            "0x7f.1",
            "127.1",
            "a.0x7f",
            "127.0.0.01",
            "1.2.3.4.",
            "a..b",
            "",
            "[::1",
            "user@a.com",
            "a_b",
            "ä.com",
            "a.com:",
            "a.com:0",
            "a.com:+80",
            "a.com:99999",
            "a b",
        ] {
            assert_eq!(Destination::parse(wrong, 80), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_that_leads_behind_the_firewall_is_refused_unless_the_address_is_listed() {
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        let metadata: IpAddr = "169.254.169.254".parse().unwrap();
        let named = hosts(&["evil.example", "*.example"]);
        assert_eq!(named.permit_address(&to("evil.example"), local), Err("loopback"));
        assert_eq!(named.permit_address(&to("evil.example"), metadata), Err("link-local"));
        assert_eq!(
            named.permit_address(&to("evil.example"), "::ffff:10.0.0.1".parse().unwrap()),
            Err("private")
        );
        assert_eq!(named.permit_address(&to("evil.example"), "8.8.8.8".parse().unwrap()), Ok(()));
        let listed = hosts(&["inside.example", "10.0.0.1"]);
        assert_eq!(listed.permit_address(&to("inside.example"), "10.0.0.1".parse().unwrap()), Ok(()));
        assert_eq!(listed.permit_address(&to("inside.example"), "10.0.0.2".parse().unwrap()), Err("private"));
    }

    #[test]
    fn localhost_leads_to_this_machine_and_nowhere_else() {
        let hosts = hosts(&["localhost:8080"]);
        assert_eq!(hosts.permit_address(&to("localhost:8080"), "::1".parse().unwrap()), Ok(()));
        assert_eq!(hosts.permit_address(&to("localhost:9090"), "::1".parse().unwrap()), Err("loopback"));
        assert_eq!(hosts.permit_address(&to("localhost:8080"), "10.0.0.1".parse().unwrap()), Err("private"));
    }

    #[test]
    fn a_child_reaches_what_both_it_and_its_parent_may() {
        let parent = Arc::new(hosts(&["a.com", "b.com"]));
        let child = hosts(&["b.com", "c.com", "10.0.0.1"]).within(&parent);
        assert_eq!(
            [to("a.com"), to("b.com"), to("c.com")].map(|host| child.permit(&host)),
            [false, true, false]
        );
        assert_eq!(child.permit_address(&to("b.com"), "10.0.0.1".parse().unwrap()), Err("private"));
        assert!(hosts(&["b.com"]).within(&Arc::default()).is_empty());
    }

    #[test]
    fn rules_are_written_as_they_were_read() {
        assert_eq!(
            hosts(&["A.com", "*.b.com:81", "[::1]:8"]).to_string(),
            "`a.com`, `*.b.com:81`, `[::1]:8`"
        );
        assert_eq!(hosts(&[]).to_string(), "none");
        assert_eq!(
            (to("a.com").to_string(), to("[::1]:81").to_string()),
            ("a.com".into(), "[::1]:81".into())
        );
    }
}
