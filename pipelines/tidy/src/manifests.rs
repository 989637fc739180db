//! Rules about `Cargo.toml` and `clippy.toml`: who may use whom, versions in one place, shared lints, bans.

use toml::Table;

use crate::Tree;
use crate::tree::words;

/// Which crates of ours a crate may use. Whoever adds a crate adds it here.
const EDGES: &[(&str, &[&str])] = &[
    ("order-model", &[]),
    ("order-core", &["order-model"]),
    ("order-audit", &["order-model"]),
    ("order-traffic", &["order-model"]),
    ("order-codec", &["order-model"]),
    ("order-log", &[]),
    ("catalogue", &["order-model", "order-codec", "order-log"]),
    ("testbed", &[]),
    ("clickhouse-embedded", &[]),
    ("tables", &[]),
    ("tidy", &[]),
    ("storefront", &["order-model"]),
    // `order-core` and `order-traffic` make decisions for the harness, behind its feature.
    ("sink", &["order-model", "order-codec", "order-log", "order-core", "order-traffic"]),
    ("sink-dynamodb", &["order-model", "sink", "tables"]),
    ("sink-clickhouse", &["order-model", "sink"]),
    ("sink-push", &["order-model", "sink", "tables"]),
    ("accounts", &["order-model", "sink-push", "tables"]),
    ("payment-worker", &["order-model", "order-codec", "order-log"]),
    ("waiting-room", &["order-model", "order-codec", "order-log"]),
    (
        "ingest-gateway",
        &[
            "order-model",
            "order-codec",
            "order-log",
            "accounts",
            "catalogue",
            "payment-worker",
            "sink-push",
            "storefront",
            "waiting-room",
        ],
    ),
    (
        "reconcile",
        &["order-model", "order-codec", "order-log", "sink", "sink-dynamodb", "sink-clickhouse", "tables"],
    ),
    ("order-flow", &["order-model", "order-core", "order-codec", "order-log"]),
    ("order-worker", &["order-model", "order-core", "order-codec", "order-log", "order-flow"]),
    (
        "order-proof",
        &["order-model", "order-core", "order-codec", "order-log", "order-audit", "order-worker"],
    ),
    (
        "order-demo",
        &[
            "order-model",
            "order-codec",
            "order-log",
            "order-worker",
            "order-proof",
            "order-traffic",
            "payment-worker",
        ],
    ),
    (
        "order-sim",
        &[
            "order-model",
            "order-core",
            "order-codec",
            "order-log",
            "order-flow",
            "order-worker",
            "order-audit",
            "order-traffic",
        ],
    ),
    (
        "pipeline-cli",
        &[
            "order-model",
            "order-codec",
            "order-log",
            "order-worker",
            "order-sim",
            "order-proof",
            "order-demo",
            "order-bench",
            "sink-bench",
            "accounts",
            "gateway-bench",
            "bench",
            "catalogue",
            "clickhouse-embedded",
            "ingest-gateway",
            "storefront",
            "payment-worker",
            "reconcile",
            "sink",
            "sink-clickhouse",
            "sink-dynamodb",
            "sink-push",
            "tables",
            "testbed",
            "waiting-room",
        ],
    ),
    (
        "order-bench",
        &[
            "order-model",
            "order-codec",
            "order-log",
            "order-worker",
            "order-audit",
            "order-traffic",
            "testbed",
        ],
    ),
    (
        "sink-bench",
        &["order-model", "order-codec", "sink", "sink-dynamodb", "sink-clickhouse", "sink-push", "tables"],
    ),
    ("gateway-bench", &["order-model", "order-codec", "order-log", "order-worker", "ingest-gateway"]),
    ("bench", &["order-model", "order-core", "order-codec", "order-log", "order-traffic"]),
];

/// Edges that not even tests may have: the auditor would check the ledger by the ledger.
const NEVER: [(&str, &str); 1] = [("order-audit", "order-core")];

/// Crates that know no clock, no I/O and no thread: these are all they may use from outside.
const PURE: [(&str, &[&str]); 2] = [
    ("order-model", &["smallvec", "thiserror"]),
    ("order-core", &["blake3", "hashbrown", "smallvec", "thiserror", "xxhash-rust"]),
];

/// Crates with bans of their own in a `clippy.toml`.
const STRICT: [&str; 2] = ["pipelines/order-core", "pipelines/order-flow"];

struct Manifest<'t> {
    path: &'t str,
    folder: &'t str,
    name: String,
    table: Table,
}

fn manifests(tree: &Tree) -> Vec<Manifest<'_>> {
    tree.iter()
        .filter_map(|(path, text)| {
            let folder = path.strip_suffix("/Cargo.toml")?;
            let table = text.parse::<Table>().ok()?;
            let name = table.get("package")?.get("name")?.as_str()?.to_owned();
            Some(Manifest { path, folder, name, table })
        })
        .collect()
}

impl Manifest<'_> {
    fn dependencies(&self, kind: &str) -> Vec<(&str, &toml::Value)> {
        let table = self.table.get(kind).and_then(toml::Value::as_table);
        table
            .map(|table| table.iter().map(|(name, value)| (name.as_str(), value)).collect())
            .unwrap_or_default()
    }
}

/// Crates use only the crates of ours they may.
pub fn edges_allowed(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for Manifest { path, name, .. } in &manifests(tree) {
        if !EDGES.iter().any(|(known, _)| known == name) {
            found.push(format!("{path}: crate {name} is not in the table of allowed edges"));
        }
    }
    for manifest in &manifests(tree) {
        let allowed = EDGES.iter().find(|(name, _)| *name == manifest.name).map(|(_, allowed)| *allowed);
        let ours = |name: &str| EDGES.iter().any(|(known, _)| *known == name);
        for (used, _) in manifest.dependencies("dependencies") {
            if ours(used) && !allowed.unwrap_or_default().contains(&used) {
                found.push(format!("{}: {} may not use {used}", manifest.path, manifest.name));
            }
        }
        for (used, _) in manifest.dependencies("dev-dependencies") {
            if NEVER.contains(&(manifest.name.as_str(), used)) {
                found.push(format!(
                    "{}: {} may not use {used}, not even in tests",
                    manifest.path, manifest.name
                ));
            }
        }
    }
    found
}

/// Pure crates use nothing from outside that could bring a clock, a thread or a socket.
pub fn pure_crates_stay_pure(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for manifest in &manifests(tree) {
        let Some((_, allowed)) = PURE.iter().find(|(name, _)| *name == manifest.name) else { continue };
        for (used, _) in manifest.dependencies("dependencies") {
            if !allowed.contains(&used) && !EDGES.iter().any(|(known, _)| *known == used) {
                found.push(format!("{}: {} is pure and may not use {used}", manifest.path, manifest.name));
            }
        }
    }
    found
}

/// Versions stand in the root manifest; members say `workspace = true`.
pub fn versions_in_one_place(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for manifest in &manifests(tree) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (used, value) in manifest.dependencies(kind) {
                if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    found.push(format!("{}: say `{used}.workspace = true`", manifest.path));
                }
            }
        }
    }
    found
}

/// The ends of the paths that `#[path]` attributes name.
fn included_files(text: &str) -> impl Iterator<Item = &str> {
    let paths = text.lines().filter_map(|line| line.trim().strip_prefix("#[path = \"")?.strip_suffix("\"]"));
    paths.map(|path| path.trim_start_matches("../"))
}

/// Dependencies are used: a member's by its code, the root's by a member.
pub fn dependencies_are_used(tree: &Tree) -> Vec<String> {
    let manifests = manifests(tree);
    let mut found = Vec::new();
    for manifest in &manifests {
        let own: Vec<_> =
            tree.rust().filter(|(path, _)| path.starts_with(&format!("{}/", manifest.folder))).collect();
        // Tests may include a file of another crate's tests; what that uses, they use.
        let included: Vec<&str> = own.iter().flat_map(|(_, text)| included_files(text)).collect();
        let code: Vec<_> = tree
            .rust()
            .filter(|file| own.contains(file) || included.iter().any(|end| file.0.ends_with(end)))
            .collect();
        for kind in ["dependencies", "dev-dependencies"] {
            for (used, _) in manifest.dependencies(kind) {
                let word = used.replace('-', "_");
                // The library of a package `x-rs` may be called `x`.
                let short = word.strip_suffix("_rs").unwrap_or(&word);
                let names = |candidate: &str| candidate == word || candidate == short;
                if !code.iter().any(|(_, text)| words(text).any(names)) {
                    found.push(format!("{}: nothing in {} uses {used}", manifest.path, manifest.name));
                }
            }
        }
    }
    let root = tree.text("Cargo.toml").and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    let shared = root.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    for (used, _) in shared.and_then(toml::Value::as_table).into_iter().flatten() {
        let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
        let uses = |manifest: &Manifest<'_>| {
            kinds.iter().any(|kind| manifest.dependencies(kind).iter().any(|(name, _)| name == used))
        };
        if !manifests.iter().any(uses) && !EDGES.iter().any(|(known, _)| known == used) {
            found.push(format!("Cargo.toml: no member uses {used}"));
        }
    }
    found
}

/// Every member takes the workspace's lints.
pub fn lints_are_shared(tree: &Tree) -> Vec<String> {
    manifests(tree)
        .iter()
        .filter(|manifest| {
            let lints = manifest.table.get("lints").and_then(|lints| lints.get("workspace"));
            lints.and_then(toml::Value::as_bool) != Some(true)
        })
        .map(|manifest| format!("{}: say `[lints]` `workspace = true`", manifest.path))
        .collect()
}

/// The ledger and the operators ban clocks, waiting and unordered maps, and keep the root's other options, which
/// clippy does not merge.
pub fn strict_crates_ban(tree: &Tree) -> Vec<String> {
    let parse = |path: &str| tree.text(path).and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    let root = parse(".clippy.toml");
    let mut found = Vec::new();
    for folder in STRICT {
        let path = format!("{folder}/clippy.toml");
        let table = parse(&path);
        for (list, needed) in [
            (
                "disallowed-methods",
                &["std::time::SystemTime::now", "std::time::Instant::now", "std::thread::sleep"][..],
            ),
            ("disallowed-types", &["std::collections::HashMap", "std::collections::HashSet"]),
        ] {
            let banned = table.get(list).and_then(toml::Value::as_array).into_iter().flatten();
            let banned: Vec<_> =
                banned.filter_map(|entry| entry.get("path").and_then(toml::Value::as_str)).collect();
            let missing = needed.iter().filter(|needed| !banned.contains(needed));
            found.extend(missing.map(|missing| format!("{path}: {list} has to ban {missing}")));
        }
        let lost = root.iter().filter(|(option, value)| table.get(*option) != Some(value));
        found.extend(lost.map(|(option, value)| format!("{path}: repeat the root's `{option} = {value}`")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_of(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\n{rest}\n")
    }

    #[test]
    fn forbidden_edges_are_found() {
        let core = crate_of(
            "order-core",
            "[dependencies]\norder-model.workspace = true\norder-log.workspace = true",
        );
        let audit = crate_of("order-audit", "[dev-dependencies]\norder-core.workspace = true");
        let new = crate_of("order-new", "");
        let tree = Tree::of(&[("a/Cargo.toml", &core), ("b/Cargo.toml", &audit), ("c/Cargo.toml", &new)]);
        assert_eq!(
            edges_allowed(&tree),
            [
                "c/Cargo.toml: crate order-new is not in the table of allowed edges",
                "a/Cargo.toml: order-core may not use order-log",
                "b/Cargo.toml: order-audit may not use order-core, not even in tests",
            ]
        );
    }

    #[test]
    fn clocks_versions_and_missing_lints_are_found() {
        let core = crate_of("order-core", "[dependencies]\ntokio = \"1\"\n[lints]\nworkspace = true");
        let worker = crate_of("order-worker", "[dependencies]\ntimely.workspace = true");
        let tree = Tree::of(&[
            ("a/Cargo.toml", &core),
            ("b/Cargo.toml", &worker),
            ("b/src/lib.rs", "use timely;"),
            ("Cargo.toml", "[workspace.dependencies]\ntimely = \"1\"\nanyhow = \"1\""),
        ]);
        assert_eq!(pure_crates_stay_pure(&tree), ["a/Cargo.toml: order-core is pure and may not use tokio"]);
        assert_eq!(versions_in_one_place(&tree), ["a/Cargo.toml: say `tokio.workspace = true`"]);
        assert_eq!(lints_are_shared(&tree), ["b/Cargo.toml: say `[lints]` `workspace = true`"]);
        assert_eq!(
            dependencies_are_used(&tree),
            ["a/Cargo.toml: nothing in order-core uses tokio", "Cargo.toml: no member uses anyhow"]
        );
    }

    #[test]
    fn a_package_may_end_in_rs_and_its_library_not() {
        let local =
            crate_of("tables", "[dependencies]\ndynoxide-rs.workspace = true\nother-rs.workspace = true");
        let tree = Tree::of(&[("a/Cargo.toml", &local), ("a/src/lib.rs", "use dynoxide::Database;")]);
        assert_eq!(dependencies_are_used(&tree), ["a/Cargo.toml: nothing in tables uses other-rs"]);
    }

    #[test]
    fn missing_bans_are_found() {
        let bans = "disallowed-methods = [{ path = \"std::thread::sleep\", reason = \"x\" }]";
        let tree = Tree::of(&[
            (".clippy.toml", "allow-unwrap-in-tests = true"),
            ("pipelines/order-core/clippy.toml", bans),
        ]);
        let found = strict_crates_ban(&tree);
        assert_eq!(
            found.iter().filter(|text| text.starts_with("pipelines/order-core")).count(),
            5,
            "{found:?}"
        );
        assert_eq!(
            found.iter().filter(|text| text.starts_with("pipelines/order-flow")).count(),
            6,
            "{found:?}"
        );
    }
}
