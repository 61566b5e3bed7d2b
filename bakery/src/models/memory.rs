//! How much memory there is for weights.

use crate::environment::Environment;
use crate::error::{Error, Result};

/// The variable that says how many bytes weights may take; what is available is measured without it.
pub const MEMORY_VARIABLE: &str = "BAKERY_MODEL_MEMORY";

/// Bytes that weights may take; none if nobody knows.
///
/// # Errors
/// The variable is no number.
pub fn available(env: &Environment) -> Result<Option<u64>> {
    let Some(given) = env.variable(MEMORY_VARIABLE) else { return Ok(measured()) };
    let bytes = given.to_str().and_then(|text| text.parse().ok());
    bytes.map(Some).ok_or_else(|| {
        Error::usage(format!("`{MEMORY_VARIABLE}` is `{}`, which is no number of bytes", given.display()))
    })
}

/// How many pages of so many bytes there can be beside the weights, of those wanted: fewer if nobody asked for a number, and an error if somebody did.
///
/// # Errors
/// They do not fit, or the variable is no number.
pub fn pages(wanted: u32, asked_for: bool, page_bytes: u64, env: &Environment) -> Result<u32> {
    let Some(available) = available(env)?.filter(|_| page_bytes > 0) else { return Ok(wanted) };
    // Half is left to weights that are mapped and to everything else.
    let most = u32::try_from(available / 2 / page_bytes).unwrap_or(u32::MAX);
    if wanted <= most || (!asked_for && most > 0) {
        return Ok(wanted.min(most));
    }
    let megabytes = |bytes: u64| bytes.div_ceil(1 << 20);
    let message =
        format!("{wanted} pages of the cache take {} MB", megabytes(u64::from(wanted) * page_bytes));
    Err(Error::environment(message)
        .caused_by(format!("half of the memory that there is are {} MB", megabytes(available / 2)))
        .hint(format!("--pages {}", most.max(1)))
        .hint(format!("{MEMORY_VARIABLE}=BYTES says how much memory there is")))
}

/// What the system has to give, and the container that this is, if it is one. Files that are in memory already count as available,
/// which is right for weights: they are mapped.
#[cfg(target_os = "linux")]
fn measured() -> Option<u64> {
    let system = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| meminfo(&text));
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse::<u64>().ok());
    [system, limit].into_iter().flatten().min()
}

#[cfg(not(target_os = "linux"))]
fn measured() -> Option<u64> {
    None
}

/// The line `MemAvailable`, in bytes.
#[cfg(target_os = "linux")]
fn meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_the_variable_says_or_what_there_is() {
        let with = |value: &str| available(&Environment::new([(MEMORY_VARIABLE, value)], "/"));
        assert_eq!(with("1000").unwrap(), Some(1000));
        assert!(with("much").is_err());
        if cfg!(target_os = "linux") {
            assert!(available(&Environment::empty("/")).unwrap().is_some_and(|bytes| bytes > 1 << 20));
        }
    }

    #[test]
    fn pages_are_as_many_as_fit_into_half_of_the_memory() {
        let env = Environment::new([(MEMORY_VARIABLE, "1000000")], "/");
        let pages = |wanted, asked_for, bytes| pages(wanted, asked_for, bytes, &env);
        assert_eq!(pages(100, true, 5000).unwrap(), 100);
        assert_eq!(pages(4096, false, 5000).unwrap(), 100);
        assert_eq!(pages(4096, true, 0).unwrap(), 4096, "pages of the dummy do not count");
        let error = pages(101, true, 5000).unwrap_err();
        assert_eq!(error.message, "101 pages of the cache take 1 MB");
        assert!(pages(1, false, 600_000).is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn available_memory_is_a_line_of_the_system() {
        assert_eq!(meminfo("MemTotal:  9 kB\nMemAvailable:   12345 kB\nx"), Some(12345 * 1024));
        assert_eq!(meminfo("MemAvailable: none"), None);
    }
}
