//! Catalogue files: what they mean, and where they are wrong.

use catalogue::{Attribute, parse_catalogue};

const FILE: &str = r#"[[product]]
sku = "A"
title = "Hat"
brand = "Filz"
category = ["Clothes"]
attributes = [{ name = "Size", value = "L" }]
images = [
    { source = "hat.svg", alt = "A hat" },
]
tags = ["warm"]

[[product.texts]]
locale = "de"
title = "Hut"

[[product]]
sku = "B"
title = "Scarf"
"#;

#[test]
fn a_file_is_read_in_its_order() {
    let products = parse_catalogue(FILE).unwrap();
    assert_eq!(products.iter().map(|product| product.sku.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(products[0].attributes, [Attribute { name: "Size".into(), value: "L".into() }]);
    assert_eq!((products[0].text("de").title, products[1].text("de").title), ("Hut", "Scarf"));
    assert_eq!(parse_catalogue("").unwrap(), []);
}

/// Each row changes a part of [`FILE`] and names the complaint.
#[test]
fn mistakes_are_named_with_their_line() {
    for (was, is, complaint) in [
        ("title = \"Hat\"", "titel = \"Hat\"", "line 3: there is no key `titel` here; did you mean `title`?"),
        ("title = \"Hat\"", "xyz = 1", "line 3: there is no key `xyz` here"),
        ("alt =", "al =", "line 8: there is no key `al` here; did you mean `alt`?"),
        (
            "locale = \"de\"",
            "local = \"de\"",
            "line 13: there is no key `local` here; did you mean `locale`?",
        ),
        ("name = \"Size\"", "nam = \"Size\"", "line 6: there is no key `nam` here; did you mean `name`?"),
        ("title = \"Scarf\"\n", "", "line 16: missing field `title`"),
        ("\"Scarf\"", "7", "line 18: invalid type: integer `7`, expected a string"),
        ("\"Scarf\"", "\"  \"", "line 18: product B: `title`: is empty"),
        ("sku = \"B\"", "sku = \"\"", "line 17: a SKU cannot be empty"),
        ("sku = \"B\"", "sku = \"A\"", "line 17: product A stands there twice"),
        ("[\"Clothes\"]", "[\"Clothes/Hats\"]", "line 5: product A: `category`: a step has no slash"),
        ("\"hat.svg\"", "\"../hat.svg\"", "line 7: product A: `images.source`: an https:// or http:// URL"),
        ("\"hat.svg\"", "\".hat\"", "line 7: product A: `images.source`:"),
        ("\"hat.svg\"", "\"javascript:alert(1)\"", "line 7: product A: `images.source`:"),
        ("[\"warm\"]", "[\"warm\", \"warm\"]", "line 10: product A: `tags`: stands there twice"),
        ("locale = \"de\"", "locale = \"deutsch!\"", "product A: `texts.locale`: a locale is a language tag"),
        ("sku = \"B\"", "sku = ", "line 17: "),
    ] {
        let text = FILE.replacen(was, is, 1);
        assert_ne!(text, FILE, "{was} is not in the file");
        let error = parse_catalogue(&text).unwrap_err().to_string();
        assert!(error.contains(complaint), "{is}: {error}");
    }
    let error = parse_catalogue("\n[[products]]\nsku = \"A\"").unwrap_err().to_string();
    assert_eq!(error, "line 2: there is no key `products` here; did you mean `product`?");
    let error = parse_catalogue("product = 7").unwrap_err().to_string();
    assert!(error.starts_with("line 1: invalid type"), "{error}");
}
