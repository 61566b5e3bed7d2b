//! Formats of strings. The library's expressions for some of them let texts pass that are none: the 29th of February in any year, a leap second at any
//! time, names that are too long. These are the narrower ones, as patterns that hold besides.

/// Formats that the library has expressions for.
pub(super) const FORMATS: [&str; 10] =
    ["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"];

/// A day that is in the calendar ([RFC 3339](https://www.rfc-editor.org/rfc/rfc3339#section-5.7)).
macro_rules! date {
    () => {
        concat!(
            "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|",
            "02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
        )
    };
}

/// A time with seconds up to 59.
macro_rules! time {
    () => {
        r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:[zZ]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
    };
}

/// A part of a domain, up to 63 characters long, without two hyphens in a row, which stand for other alphabets
/// ([RFC 5890](https://www.rfc-editor.org/rfc/rfc5890#section-2.3.1)).
macro_rules! label {
    () => {
        "[a-zA-Z0-9](?:-?[a-zA-Z0-9]){0,31}"
    };
}

/// The pattern that texts of a format match; none where the library's expression is right.
pub(super) fn narrower(format: &str) -> Option<&'static str> {
    Some(match format {
        "date" => concat!("^", date!(), "$"),
        "time" => concat!("^", time!(), "$"),
        "date-time" => concat!("^", date!(), "[tT]", time!(), "$"),
        // Three times 64 characters, and the domain ends with letters.
        "hostname" => concat!("^(?:", label!(), r"\.){0,2}", label!(), "$"),
        "email" => concat!("^[^@]{1,64}@(?:", label!(), r"\.){1,2}[a-zA-Z]{2,63}$"),
        _ => return None,
    })
}
