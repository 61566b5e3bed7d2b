//! What a source imports.

use tree_sitter::Node;

use super::syntax::{Source, named_children};

/// The names of all modules that a source imports, wherever it does, from the outermost package: `a.b` of `from a import b`, which may or may not be one.
/// Names that are relative to its own package are left out: they are in the folder of the source.
pub fn imported(text: &str) -> Vec<String> {
    let Some(source) = Source::parse(text) else { return Vec::new() };
    let mut names = Vec::new();
    let mut unseen = vec![source.root()];
    while let Some(node) = unseen.pop() {
        match node.kind() {
            "import_statement" => names.extend(imports_of(node).map(|name| source.text(name).to_owned())),
            "import_from_statement" => {
                let Some(module) = node.child_by_field_name("module_name") else { continue };
                if module.kind() == "dotted_name" {
                    let module = source.text(module);
                    names.push(module.to_owned());
                    names.extend(imports_of(node).map(|name| format!("{module}.{}", source.text(name))));
                }
            }
            _ => unseen.extend(named_children(node)),
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The names in an import, without what they are called afterwards.
fn imports_of(node: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    let names: Vec<Node<'_>> = node.children_by_field_name("name", &mut node.walk()).collect();
    names.into_iter().map(|name| match name.kind() {
        "aliased_import" => name.child_by_field_name("name").unwrap_or(name),
        _ => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_found_wherever_they_stand() {
        let source = "import a, b.c as x\nfrom d import e as y\nfrom . import f\ndef g():\n    if x:\n        from h.i import (j, k)\n";
        assert_eq!(imported(source), ["a", "b.c", "d", "d.e", "h.i", "h.i.j", "h.i.k"]);
        assert_eq!(imported("print('import a')"), Vec::<String>::new());
        assert_eq!(imported("import a\nx = = 1\n"), ["a"], "a source with a mistake is looked at too");
    }
}
