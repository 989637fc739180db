//! Rules about Rust files: documented, short, of short functions.

use crate::Tree;
use crate::tree::words;

/// Most lines of a Rust file.
const FILE_LINES_MAX: usize = 500;
/// Most lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 80;

/// Where unsafe code may be: around C libraries. The rules themselves name it too.
const UNSAFE: [&str; 3] =
    ["connectors/order-log/src/kafka/", "connectors/clickhouse-embedded/src/ffi.rs", "pipelines/tidy/src/"];

/// Unsafe code is where it is expected. The workspace denies it, so that whoever wants it has to name the lint.
pub fn unsafe_has_its_places(tree: &Tree) -> Vec<String> {
    tree.rust()
        .filter(|(path, _)| !UNSAFE.iter().any(|place| path.starts_with(place)))
        .filter(|(_, text)| words(text).any(|word| word == "unsafe_code"))
        .map(|(path, _)| format!("{path}: unsafe code has no place here"))
        .collect()
}

/// Every file below a `src` folder begins with a module doc.
pub fn module_docs(tree: &Tree) -> Vec<String> {
    tree.rust()
        .filter(|(path, _)| path.contains("/src/"))
        .filter(|(_, text)| !begins_with_doc(text))
        .map(|(path, _)| format!("{path}: begin with a `//!` doc that says what the module promises"))
        .collect()
}

/// Whether a module doc comes before all code; blank lines and attributes of the module may come before it.
fn begins_with_doc(text: &str) -> bool {
    let mut in_attribute = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if in_attribute || line.starts_with("#![") {
            in_attribute = !line.ends_with(']');
        } else {
            return line.starts_with("//!");
        }
    }
    false
}

/// No file is longer than a reader's patience.
pub fn files_are_short(tree: &Tree) -> Vec<String> {
    tree.rust()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines, {FILE_LINES_MAX} are allowed; split it"))
        .collect()
}

/// No function is longer than a screen. Relies on rustfmt: a function ends at a brace indented as its `fn`.
pub fn functions_are_short(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.rust() {
        let lines: Vec<_> = text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            if !begins_function(line) {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            let body = lines.get(start..).unwrap_or_default();
            let one_line = line.ends_with('}') || line.ends_with(';');
            let length = if one_line { 1 } else { body.iter().take_while(|line| **line != end).count() + 1 };
            if length > FUNCTION_LINES_MAX {
                let number = start + 1;
                found.push(format!(
                    "{path}:{number}: a function of {length} lines, {FUNCTION_LINES_MAX} are allowed"
                ));
            }
        }
    }
    found
}

fn begins_function(line: &str) -> bool {
    let before = line.trim_start().split_once("fn ").map(|(before, _)| before);
    before.is_some_and(|before| {
        before.split_whitespace().all(|word| {
            matches!(word, "pub" | "const" | "async" | "unsafe" | "extern" | "\"C\"")
                || word.starts_with("pub(")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_module_doc_is_found() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", "\n//! A.\n"),
            ("a/src/b.rs", "use x;\n"),
            ("a/tests/c.rs", "use x;"),
            ("a/src/d.rs", "#![expect(\n    x,\n)]\n//! D."),
        ]);
        let found = module_docs(&tree);
        assert!(found.len() == 1 && found[0].starts_with("a/src/b.rs"), "{found:?}");
    }

    #[test]
    fn unsafe_code_elsewhere_is_found() {
        let expects = "#![expect(unsafe_code, reason = \"x\")]";
        let tree = Tree::of(&[
            ("connectors/order-log/src/kafka/queue.rs", expects),
            ("connectors/clickhouse-embedded/src/ffi.rs", expects),
            ("connectors/clickhouse-embedded/src/run.rs", expects),
        ]);
        assert_eq!(
            unsafe_has_its_places(&tree),
            ["connectors/clickhouse-embedded/src/run.rs: unsafe code has no place here"]
        );
    }

    #[test]
    fn long_files_and_functions_are_found() {
        let body = "    x();\n".repeat(FUNCTION_LINES_MAX);
        let long = format!("//! A.\npub(crate) fn long() {{\n{body}}}\nfn short() {{}}\n");
        let fits = format!("fn fits() {{\n{}}}\n", "    x();\n".repeat(FUNCTION_LINES_MAX - 2));
        let many = "// x\n".repeat(FILE_LINES_MAX + 1);
        let tree = Tree::of(&[("long.rs", &long), ("fits.rs", &fits), ("many.rs", &many)]);
        assert_eq!(functions_are_short(&tree).len(), 1);
        assert!(functions_are_short(&tree)[0].starts_with("long.rs:2: a function of 82 lines"));
        assert!(files_are_short(&tree).len() == 1 && files_are_short(&tree)[0].starts_with("many.rs"));
    }
}
