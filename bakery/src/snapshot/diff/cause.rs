//! The first thing that changed, in words.

use std::collections::BTreeMap;

use crate::snapshot::project::line::Line;

/// How much of a value or a line is repeated.
const SHOWN: usize = 80;

/// The first cause of a difference between layers of output.
pub fn of_output(accepted: &str, found: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (accepted.lines().collect(), found.lines().collect());
    let at = common(&old, &new);
    let title = |lines: &[&str], at: usize| {
        let title = lines.iter().take(at + 1).rev().find(|line| !line.starts_with("  ") && !line.is_empty());
        title.map_or_else(|| "nothing".to_owned(), |title| (*title).to_owned())
    };
    match (old.get(at), new.get(at)) {
        (Some(was), Some(is)) if was.starts_with("  ") && is.starts_with("  ") => {
            let within = at
                - new
                    .iter()
                    .take(at)
                    .rposition(|line| !line.starts_with("  ") && !line.is_empty())
                    .unwrap_or(0);
            format!(
                "line {within} of the {} changed: {}",
                plain(&title(&new, at)),
                inner(was.trim(), is.trim())
            )
        }
        (Some(was), Some(is))
            if !was.starts_with("  ") && !is.starts_with("  ") && !was.is_empty() && !is.is_empty() =>
        {
            format!("there is `{}` where `{}` was", cut(is), cut(was))
        }
        (_, Some(_)) if old.get(at).is_none_or(|was| was.is_empty()) => {
            format!("there is more of the {}: `{}`", plain(&title(&new, at)), cut(first_said(&new[at..])))
        }
        (Some(_), _) => {
            format!(
                "there is less of the {}: `{}` is missing",
                plain(&title(&old, at)),
                cut(first_said(&old[at..]))
            )
        }
        _ => "the layout changed".to_owned(),
    }
}

/// A block's title without its digest and remarks.
fn plain(title: &str) -> String {
    title.split([',', '(']).next().unwrap_or(title).trim().to_owned()
}

fn first_said<'a>(lines: &[&'a str]) -> &'a str {
    lines.iter().find(|line| !line.trim().is_empty()).map_or("", |line| line.trim())
}

/// Where two texts part: what was there, and what is.
fn inner(was: &str, is: &str) -> String {
    let same = was.char_indices().zip(is.chars()).take_while(|((_, a), b)| a == b).last();
    let same = same.map_or(0, |((at, char), _)| at + char.len_utf8());
    // From the beginning of the word in which they part.
    let from = was[..same].rfind(' ').map_or(0, |space| space + 1);
    format!("`{}` and not `{}`", cut(&is[from..]), cut(&was[from..]))
}

/// The first cause of a difference between layers of events.
pub fn of_events(accepted: &str, found: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (accepted.lines().collect(), found.lines().collect());
    let at = common(&old, &new);
    match (old.get(at).map(|line| Line::read(line)), new.get(at).map(|line| Line::read(line))) {
        (Some(was), Some(is)) if was.what == is.what && was.who == is.who && !same_call(&was, &is) => {
            fields(&was, &is)
        }
        (Some(was), Some(is)) => order(&was, &is, &old[at..], &new[at..]),
        (Some(was), None) => format!("the run does less: {} is missing", described(&was)),
        (None, Some(is)) => format!("the run does more: {}", described(&is)),
        (None, None) => "the layout changed".to_owned(),
    }
}

/// How many lines are the same at the beginning.
fn common(old: &[&str], new: &[&str]) -> usize {
    old.iter().zip(new).take_while(|(one, other)| one == other).count()
}

/// A line by what was done, whatever its number is.
fn call(line: &Line<'_>) -> String {
    let fields: Vec<String> = line
        .fields
        .iter()
        .filter(|(name, _)| *name != "context")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{} {} {}", line.who.unwrap_or_default(), line.what, fields.join(" "))
}

fn same_call(one: &Line<'_>, other: &Line<'_>) -> bool {
    call(one) == call(other)
}

/// Another call stands where one was: the order changed, one came, or one went.
fn order(was: &Line<'_>, is: &Line<'_>, old: &[&str], new: &[&str]) -> String {
    let counted = |lines: &[&str]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for line in lines {
            *counts.entry(call(&Line::read(line))).or_default() += 1;
        }
        counts
    };
    let (before, after) = (counted(old), counted(new));
    if before == after {
        return format!("call order changed: {} comes before {}", described(is), described(was));
    }
    let more = after.get(&call(is)).copied().unwrap_or(0) > before.get(&call(is)).copied().unwrap_or(0);
    let fewer = before.get(&call(was)).copied().unwrap_or(0) > after.get(&call(was)).copied().unwrap_or(0);
    match (more, fewer) {
        (true, false) => format!("new: {}, before {}", described(is), described(was)),
        (false, true) => format!("missing: {}, before {}", described(was), described(is)),
        _ => format!("{} where {} was", described(is), described(was)),
    }
}

/// A call in few words.
fn described(line: &Line<'_>) -> String {
    let about = line.about.map(|about| format!(" {about}")).unwrap_or_default();
    let first = ["text", "name", "topic", "question", "origin", "operation", "program", "tokens"];
    let first = first.into_iter().find_map(|name| line.field(name));
    let first = first.map(|value| format!(" {}", cut(value))).unwrap_or_default();
    let who = line.who.filter(|who| *who != "i1").map(|who| format!("{who} ")).unwrap_or_default();
    format!("`{who}{}{about}{first}`", line.what)
}

/// The first field in which two lines of one kind differ.
fn fields(was: &Line<'_>, is: &Line<'_>) -> String {
    let number = is.about.and_then(|about| about.strip_prefix('p')).unwrap_or_default();
    match is.what {
        "pass" => pass(number, was, is),
        "pass-done" => done(number, was, is),
        _ => general(is.what, was, is),
    }
}

fn pass(number: &str, was: &Line<'_>, is: &Line<'_>) -> String {
    if was.field("tokens") != is.field("tokens") {
        return format!("pass {number}: {}", input(was, is));
    }
    if was.field("allowed") != is.field("allowed") {
        return format!("pass {number}: {}", allowed(was.number("allowed"), is.number("allowed")));
    }
    if was.field("sampler") != is.field("sampler") || was.field("samplers") != is.field("samplers") {
        let sampler = |line: &Line<'_>| {
            cut(line.field("sampler").or(line.field("samplers")).unwrap_or("nothing")).to_string()
        };
        return format!("pass {number}: it asks for {} and not {}", sampler(is), sampler(was));
    }
    if was.field("mask") != is.field("mask") {
        return format!("pass {number}: the attention mask changed");
    }
    general(&format!("pass {number}"), was, is)
}

/// What goes into a pass.
fn input(was: &Line<'_>, is: &Line<'_>) -> String {
    let (Some(old), Some(new)) = (was.tokens("tokens"), is.tokens("tokens")) else {
        return "its input is another one".to_owned();
    };
    let same = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let texts = |line: &Line<'_>| line.value("text").and_then(|text| text.as_str().map(str::to_owned));
    let shown = match (texts(was), texts(is)) {
        (Some(was), Some(is)) => inner(&was, &is),
        _ => format!("`{:?}` and not `{:?}`", new.get(same), old.get(same)),
    };
    format!(
        "its input has {} and not {}, other ones from token {} on: {shown}",
        tokens(new.len()),
        old.len(),
        same + 1
    )
}

fn tokens(count: usize) -> String {
    if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") }
}

/// What a logit mask allows.
fn allowed(was: Option<i64>, is: Option<i64>) -> String {
    match (was, is) {
        (Some(was), Some(is)) => {
            let (count, more) = if is > was { (is - was, "more") } else { (was - is, "fewer") };
            let tokens = if count == 1 { "token" } else { "tokens" };
            format!("the mask allowed {count} {more} {tokens} ({is}, and it was {was})")
        }
        (None, Some(is)) => format!("there is a mask, which allows {is} tokens, and there was none"),
        (Some(was), None) => format!("there is no mask, and there was one, which allowed {was} tokens"),
        (None, None) => "the mask changed".to_owned(),
    }
}

fn done(number: &str, was: &Line<'_>, is: &Line<'_>) -> String {
    let shown =
        |line: &Line<'_>| line.field("text").or(line.field("tokens")).map(|text| cut(text).to_string());
    match (shown(was), shown(is)) {
        (Some(was), Some(is)) if was != is => format!("pass {number}: it chose {is} and not {was}"),
        _ => general(&format!("pass {number}"), was, is),
    }
}

fn general(what: &str, was: &Line<'_>, is: &Line<'_>) -> String {
    let names = is.fields.iter().chain(&was.fields).map(|(name, _)| *name);
    let differing = names.clone().find(|name| was.field(name) != is.field(name));
    match differing {
        Some(name) => {
            let value = |line: &Line<'_>| {
                line.field(name).map_or_else(|| "absent".to_owned(), |value| cut(value).to_string())
            };
            format!("{what}: {} is {} and was {}", name.replace('_', " "), value(is), value(was))
        }
        None => format!(
            "{what} is about {} and was about {}",
            is.about.unwrap_or("nothing"),
            was.about.unwrap_or("nothing")
        ),
    }
}

fn cut(text: &str) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
