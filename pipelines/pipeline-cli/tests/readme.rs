//! The commands the README and the architecture page show exist, and the README's sale is one.

use std::path::Path;

use clap::CommandFactory;
use pipeline_cli::cli::Cli;
use pipeline_cli::sale::parse_sale;

/// Follows the words after `pipeline` as far as they name subcommands; the word that should have been one, if any.
fn first_unknown<'w>(words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let mut command = Cli::command();
    for word in words {
        if !command.has_subcommands() {
            return None;
        }
        if word.starts_with('-') || !word.starts_with(|c: char| c.is_ascii_lowercase()) {
            return None;
        }
        match command.find_subcommand(word).cloned() {
            Some(found) => command = found,
            None => return Some(word),
        }
    }
    None
}

/// The words of each command line in `text`: in code blocks and in backticks, after `pipeline` or `cargo run … --`.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
            continue;
        }
        let pieces: Vec<&str> =
            if in_block { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
        for piece in pieces {
            let piece = piece.trim().trim_start_matches("$ ");
            let rest = piece.strip_prefix("pipeline ").or_else(|| {
                piece.strip_prefix("cargo run").and_then(|rest| rest.split_once(" -- ")).map(|(_, rest)| rest)
            });
            found.extend(rest.map(str::to_owned));
        }
    }
    found
}

#[test]
fn commands_in_the_pages_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for page in ["README.md", "pipelines/ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        for command in commands(&text) {
            let unknown = first_unknown(command.split_whitespace());
            assert_eq!(unknown, None, "{page}: `pipeline {command}`");
        }
    }
}

#[test]
fn the_sale_in_the_readme_is_one() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(page).unwrap();
    let (_, rest) = text.split_once("```toml\n").unwrap();
    let (sale, _) = rest.split_once("```").unwrap();
    let sale = parse_sale(Path::new("friday.toml"), sale).unwrap_or_else(|error| panic!("{error}"));
    let [plain, stepped] = sale.listings.as_slice() else { panic!("two listings: {sale:?}") };
    assert_eq!((plain.prices.len(), stepped.prices.len()), (1, 3));
    assert_ne!(plain.terms.limit_per_customer, stepped.terms.limit_per_customer);
}

#[test]
fn an_unknown_command_is_found() {
    let text =
        "Run `pipeline sale aply x`.\n```sh\n$ pipeline topic create\ncargo run --release -- frob 7\n```\n";
    let unknown: Vec<_> =
        commands(text).iter().map(|line| first_unknown(line.split_whitespace()).map(str::to_owned)).collect();
    assert_eq!(unknown, [Some("aply".to_owned()), None, Some("frob".to_owned())]);
}
