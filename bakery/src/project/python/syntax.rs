//! The syntax tree of a source, as far as bakery looks at it. Sources with mistakes have trees too; what is wrong with them is for Python to say.

use tree_sitter::{Node, Parser, Tree};

/// A source and its tree.
pub struct Source<'a> {
    text: &'a str,
    tree: Tree,
}

impl<'a> Source<'a> {
    /// Reads a source; `None` for one that is not even looked at, such as one of gigabytes.
    pub fn parse(text: &'a str) -> Option<Source<'a>> {
        let mut parser = Parser::new();
        parser.set_language(&tree_sitter_python::LANGUAGE.into()).ok()?;
        Some(Source { text, tree: parser.parse(text, None)? })
    }

    /// The whole module.
    pub fn root(&self) -> Node<'_> {
        self.tree.root_node()
    }

    /// Whether there is a mistake in it.
    pub fn has_mistakes(&self) -> bool {
        self.root().has_error()
    }

    /// The text of a node.
    pub fn text(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// The text of a field of a node.
    pub fn field(&self, node: Node<'_>, name: &str) -> Option<&'a str> {
        node.child_by_field_name(name).map(|node| self.text(node))
    }

    /// The value of a string that is written in one piece and without escapes. Of a docstring, escapes stay as they are.
    pub fn string(&self, node: Node<'_>) -> Option<&'a str> {
        if node.kind() != "string" {
            return None;
        }
        let parts = children(node);
        let [start, middle @ .., end] = parts.as_slice() else { return None };
        if start.kind() != "string_start"
            || end.kind() != "string_end"
            || self.text(*start).contains(['f', 'F', 'b', 'B', 't', 'T'])
        {
            return None;
        }
        match middle {
            [] => Some(""),
            [content] if content.kind() == "string_content" => Some(self.text(*content)),
            _ => None,
        }
    }

    /// The docstring at the begin of a module or of the body of a definition.
    pub fn docstring(&self, body: Node<'_>) -> Option<&'a str> {
        let first = named_children(body).into_iter().find(|node| node.kind() != "comment")?;
        let value = (first.kind() == "expression_statement").then(|| first.named_child(0)).flatten()?;
        self.string(value)
    }
}

/// All children of a node.
pub fn children(node: Node<'_>) -> Vec<Node<'_>> {
    node.children(&mut node.walk()).collect()
}

/// The children of a node that are more than punctuation.
pub fn named_children(node: Node<'_>) -> Vec<Node<'_>> {
    node.named_children(&mut node.walk()).collect()
}

/// The definition behind decorators.
pub fn undecorated(node: Node<'_>) -> Node<'_> {
    match node.kind() {
        "decorated_definition" => node.child_by_field_name("definition").unwrap_or(node),
        _ => node,
    }
}
