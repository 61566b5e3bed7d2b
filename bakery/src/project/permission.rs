//! How hosts and sizes are written in `[permissions]`.

use pie_engine::outside::hosts::Rule;

/// Checks a host that outgoing HTTP may reach: `api.example.com`, `*.example.com`, `127.0.0.1` or `[::1]`, each with an optional `:port`.
///
/// # Errors
/// What is wrong with it.
pub fn check_host(host: &str) -> Result<(), String> {
    host.parse::<Rule>().map(drop)
}

/// The units of a size, largest first.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads a size in bytes: `64 MiB`, `64MiB`, `512 kB`, `100 B`.
pub fn parse_size(text: &str) -> Option<u64> {
    let (unit, bytes) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number = text.strip_suffix(unit)?.trim_end();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse::<u64>().ok()?.checked_mul(*bytes)).flatten()
}

/// Checks the name of an environment variable.
pub fn is_variable(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{check_host, is_variable, parse_size};

    #[test]
    fn hosts_are_names_or_addresses_with_an_optional_port() {
        for host in
            ["localhost", "api.example.com", "*.example.com:8443", "127.0.0.1:80", "[::1]", "[::1]:443"]
        {
            assert_eq!(check_host(host), Ok(()), "{host}");
        }
        for host in
            ["", "a..b", "-a.com", "a.*.com", "*", "a:0", "a:65536", "a:", "[zz]", "a b", "a_b.com", "::1"]
        {
            assert!(check_host(host).is_err(), "{host}");
        }
        assert_eq!(
            check_host("https://api.example.com/v1"),
            Err("write the host without `https://`: `api.example.com`".to_owned())
        );
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(parse_size("64 MiB"), Some(64 << 20));
        assert_eq!(parse_size("2GB"), Some(2_000_000_000));
        assert_eq!(parse_size("7 B"), Some(7));
        for text in
            ["64", "MiB", "-1 MiB", "1.5 MiB", "1 mib", "99999999999999999999 B", "18446744073709551615 GiB"]
        {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn variables_are_identifiers() {
        assert!(is_variable("_HOME2"));
        assert!(!is_variable("2HOME") && !is_variable("") && !is_variable("A=B") && !is_variable("*"));
    }
}
