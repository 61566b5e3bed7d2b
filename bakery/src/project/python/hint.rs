//! Type hints, as far as a manifest can say the same: scalars, lists of them, choices of texts, and what may be left out.

use crate::project::parameters::Type;

/// What a hint says.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// The type.
    pub kind: Type,
    /// Whether `None` will do too.
    pub optional: bool,
    /// The text of `Annotated[…, "text"]`.
    pub description: Option<String>,
}

impl Hint {
    /// A type and nothing else.
    pub fn plain(kind: Type) -> Hint {
        Hint { kind, optional: false, description: None }
    }

    /// Reads a hint; `None` if a manifest cannot say the same.
    pub fn parse(text: &str) -> Option<Hint> {
        let mut words = Words { rest: text };
        let form = form(&mut words, 0)?;
        if words.peek().is_some() { None } else { hint(&form) }
    }
}

/// How deep hints may be inside of each other.
const MAX_DEPTH: usize = 20;

/// A hint as it is written.
enum Form {
    /// A name, of which only the last part counts, and what is in brackets behind it.
    Name(String, Vec<Form>),
    Text(String),
    Union(Vec<Form>),
}

struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    /// The next word: a name with its dots, a text with its quotes, or one other character.
    fn peek(&self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let first = rest.chars().next()?;
        let end = if first == '"' || first == '\'' {
            rest[1..].find(first)? + 2
        } else if first.is_alphabetic() || first == '_' {
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        rest.get(..end)
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.rest = &self.rest.trim_start()[word.len()..];
        Some(word)
    }

    fn next_if(&mut self, wanted: &str) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.next();
        }
        is_next
    }
}

fn form(words: &mut Words<'_>, depth: usize) -> Option<Form> {
    let mut parts = vec![single(words, depth)?];
    while words.next_if("|") {
        parts.push(single(words, depth)?);
    }
    if parts.len() == 1 { parts.pop() } else { Some(Form::Union(parts)) }
}

fn single(words: &mut Words<'_>, depth: usize) -> Option<Form> {
    if depth > MAX_DEPTH {
        return None;
    }
    let word = words.next()?;
    if let Some(text) = word.strip_prefix(['"', '\'']) {
        return Some(Form::Text(text[..text.len() - 1].to_owned()));
    }
    if !word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let name = word.rsplit('.').next().unwrap_or(word).to_owned();
    let mut inside = Vec::new();
    if words.next_if("[") {
        while !words.next_if("]") {
            inside.push(form(words, depth + 1)?);
            if !words.next_if(",") && words.peek() != Some("]") {
                return None;
            }
        }
    }
    Some(Form::Name(name, inside))
}

fn hint(form: &Form) -> Option<Hint> {
    match form {
        // A hint in quotes is one that is read later.
        Form::Text(text) => Hint::parse(text),
        Form::Union(parts) => {
            let is_none = |part: &&Form| matches!(part, Form::Name(name, _) if name == "None");
            let (none, others): (Vec<&Form>, Vec<&Form>) = parts.iter().partition(is_none);
            match others.as_slice() {
                [one] if !none.is_empty() => Some(Hint { optional: true, ..hint(one)? }),
                _ => None,
            }
        }
        Form::Name(name, inside) => named(name, inside),
    }
}

fn named(name: &str, inside: &[Form]) -> Option<Hint> {
    let text = |form: &Form| match form {
        Form::Text(text) => Some(text.clone()),
        _ => None,
    };
    match (name, inside) {
        ("str", []) => Some(Hint::plain(Type::STRING)),
        ("int", []) => Some(Hint::plain(Type::INT)),
        ("float", []) => Some(Hint::plain(Type::FLOAT)),
        ("bool", []) => Some(Hint::plain(Type::Bool)),
        ("Optional", [one]) => Some(Hint { optional: true, ..hint(one)? }),
        ("Annotated", [one, notes @ ..]) => {
            let inner = hint(one)?;
            Some(Hint { description: notes.iter().find_map(text).or(inner.description), ..inner })
        }
        ("Literal", [_, ..]) => {
            Some(Hint::plain(Type::Enum { values: inside.iter().map(text).collect::<Option<_>>()? }))
        }
        ("list" | "List" | "Sequence" | "Iterable", [one]) => {
            let inner = hint(one)?;
            let is_scalar = !matches!(inner.kind, Type::Array { .. }) && !inner.optional;
            let items = Box::new(inner.kind);
            is_scalar.then(|| Hint::plain(Type::Array { items, min_items: None, max_items: None }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_read_as_far_as_a_manifest_goes() {
        let list = |items: Type| Type::Array { items: Box::new(items), min_items: None, max_items: None };
        let choice = Type::Enum { values: vec!["x".into(), "y z".into()] };
        for (text, kind, optional) in [
            ("str", Type::STRING, false),
            ("builtins.int", Type::INT, false),
            ("float | None", Type::FLOAT, true),
            ("None|bool", Type::Bool, true),
            ("typing.Optional[ int ]", Type::INT, true),
            ("list[str]", list(Type::STRING), false),
            ("List['int'] | None", list(Type::INT), true),
            ("Literal['x', \"y z\"]", choice, false),
            ("\"str | None\"", Type::STRING, true),
        ] {
            assert_eq!(Hint::parse(text), Some(Hint { kind, optional, description: None }), "{text}");
        }
        let described = Hint::parse("Annotated[int, Field(1), 'How often.']");
        assert_eq!(described, None, "calls are not read");
        assert_eq!(
            Hint::parse("Annotated[int, 'How often.']").unwrap().description.as_deref(),
            Some("How often.")
        );
    }

    #[test]
    fn others_are_none() {
        let deep = "list[".repeat(1000);
        for text in [
            "",
            "dict",
            "dict[str, int]",
            "int | str",
            "list[list[int]]",
            "list[int | None]",
            "Literal[1]",
            "list[",
            "str]",
            "'",
            "é",
            "int int",
            &deep,
        ] {
            assert_eq!(Hint::parse(text), None, "{text}");
        }
    }
}
