//! Regular expressions of JSON Schema, which are [ECMA-262](https://262.ecma-international.org/#sec-patterns)'s, in the syntax of
//! the `regex` crate. The two look alike and differ in classes and escapes.

use std::iter::Peekable;
use std::str::Chars;

/// What `.` leaves out in ECMA-262.
const ANY: &str = r"[^\n\r\x{2028}\x{2029}]";
/// What `\s` is in ECMA-262, inside of a class.
const SPACE: &str =
    r"\t\n\x0B\f\r \x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}";

/// The same expression for the `regex` crate; or what is not supported.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut chars = pattern.chars().peekable();
    let mut out = String::new();
    while let Some(char) = chars.next() {
        match char {
            '.' => out += ANY,
            '[' => class(&mut chars, &mut out)?,
            '\\' => escape(&mut chars, &mut out, false)?,
            '(' => group(&mut chars, &mut out)?,
            _ => out.push(char),
        }
    }
    Ok(out)
}

/// What follows an opening parenthesis.
fn group(chars: &mut Peekable<Chars>, out: &mut String) -> Result<(), String> {
    out.push('(');
    if chars.next_if_eq(&'?').is_none() {
        return Ok(());
    }
    out.push('?');
    match chars.next() {
        Some(':') => out.push(':'),
        Some('<') if !matches!(chars.peek(), Some('=' | '!')) => out.push('<'),
        Some('=' | '!' | '<') => return Err("looking ahead or behind is not supported".to_owned()),
        _ => return Err("a group begins with `(`, `(?:` or `(?<name>`".to_owned()),
    }
    Ok(())
}

/// What follows an opening bracket, up to the closing one.
fn class(chars: &mut Peekable<Chars>, out: &mut String) -> Result<(), String> {
    let negated = chars.next_if_eq(&'^').is_some();
    if chars.next_if_eq(&']').is_some() {
        // Empty classes, which the `regex` crate does not have: anything, or nothing.
        *out += if negated { r"[\x{0}-\x{10FFFF}]" } else { r"[^\x{0}-\x{10FFFF}]" };
        return Ok(());
    }
    *out += if negated { "[^" } else { "[" };
    while let Some(char) = chars.next() {
        match char {
            ']' => {
                out.push(']');
                return Ok(());
            }
            '\\' => escape(chars, out, true)?,
            // Operators on classes in the `regex` crate, letters in ECMA-262.
            '[' | '&' | '~' => out.extend(['\\', char]),
            '-' if chars.peek() == Some(&'-') => *out += r"\-",
            _ => out.push(char),
        }
    }
    Err("a class is not closed".to_owned())
}

/// What follows a backslash.
fn escape(chars: &mut Peekable<Chars>, out: &mut String, in_class: bool) -> Result<(), String> {
    let char = chars.next().ok_or("a backslash stands at the end")?;
    match char {
        // The library makes `\d` and `\w` ASCII, as in ECMA-262.
        'd' | 'D' | 'w' | 'W' | 't' | 'n' | 'r' | 'f' | 'v' | 'p' | 'P' => out.extend(['\\', char]),
        's' => *out += &format!("[{SPACE}]"),
        'S' => *out += &format!("[^{SPACE}]"),
        'b' if in_class => *out += r"\x08",
        '0' if !chars.peek().is_some_and(char::is_ascii_digit) => *out += r"\x00",
        'x' => *out += &format!(r"\x{{{:X}}}", hex(chars, 2)?),
        'u' => *out += &format!(r"\x{{{:X}}}", code_point(chars)?),
        'c' => {
            let letter = chars.next().filter(char::is_ascii_alphabetic).ok_or(r"`\c` without a letter")?;
            *out += &format!(r"\x{{{:X}}}", u32::from(letter) % 32);
        }
        'b' | 'B' => return Err(format!(r"the boundary `\{char}` is not supported")),
        _ if char.is_ascii_digit() || char == 'k' => {
            return Err(r"references to groups are not supported".to_owned());
        }
        _ if char.is_ascii_alphabetic() => return Err(format!(r"the escape `\{char}` is not known")),
        // `\<` and `\>` are boundaries in the `regex` crate.
        '<' | '>' => out.push(char),
        _ if char.is_ascii() => out.extend(['\\', char]),
        _ => out.push(char),
    }
    Ok(())
}

/// What follows `\u`: four digits, two times four for a pair of surrogates, or digits in braces.
fn code_point(chars: &mut Peekable<Chars>) -> Result<u32, String> {
    if chars.next_if_eq(&'{').is_some() {
        let digits: String = chars.by_ref().take_while(|char| *char != '}').collect();
        return u32::from_str_radix(&digits, 16).map_err(|_| format!(r"`\u{{{digits}}}` is no code point"));
    }
    let first = hex(chars, 4)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Ok(first);
    }
    if chars.next() != Some('\\') || chars.next() != Some('u') {
        return Err("half of a pair of surrogates".to_owned());
    }
    let second = hex(chars, 4)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400).ok_or("half of a pair of surrogates")?;
    Ok(0x10000 + ((first - 0xd800) << 10) + low)
}

/// So many hexadecimal digits.
fn hex(chars: &mut Peekable<Chars>, count: usize) -> Result<u32, String> {
    let digits: String = chars.by_ref().take(count).collect();
    let all = digits.len() == count && digits.chars().all(|char| char.is_ascii_hexdigit());
    let number = all.then(|| u32::from_str_radix(&digits, 16).ok()).flatten();
    number.ok_or_else(|| format!("expected {count} hexadecimal digits, found `{digits}`"))
}
