//! How notices read, and which templates are refused.

use std::fs;

use sink_push::{Facts, Links, NoticeKind, Templates, plan};

use crate::rig::about;

const ENGLISH: &str = include_str!("../../templates/en.toml");

fn facts() -> Facts {
    plan(&about(order_model::OrderEventKind::Held, 1, 1)).remove(0).facts
}

fn links() -> Links {
    Links {
        shop: "Müller & <Söhne>".to_owned(),
        page: Some("https://shop.example/orders/1".to_owned()),
        unsubscribe: Some("https://shop.example/unsubscribe?token=x".to_owned()),
    }
}

fn refusal(text: &str) -> String {
    let mut templates = Templates::built_in().unwrap();
    templates.add("xx", "xx.toml", text).unwrap_err().to_string()
}

#[test]
fn a_notice_reads_as_its_locale_writes() {
    let templates = Templates::built_in().unwrap();
    let english = templates.render("en-GB", &facts(), &links()).unwrap();
    assert_eq!(english.subject, "Your order is set aside: pay by 2026-11-27 17:30 UTC");
    assert_eq!(
        english.text,
        "Your order 00000000-0000-0000-0000-000000000001 is set aside for you.\n\n  2 x LAMP-1  EUR 39.98\n\n\
         Please pay EUR 39.98 (tax included: EUR 6.38) by 2026-11-27 17:30 UTC. After that it goes to somebody else.\n\n\
         https://shop.example/orders/1\n\nMüller & <Söhne>\n\n\
         No more notices like this: https://shop.example/unsubscribe?token=x"
    );
    let german = templates.render("de_AT", &facts(), &links()).unwrap();
    assert_eq!(german.locale, "de");
    assert!(german.text.contains("39,98 EUR"), "{}", german.text);
    assert!(german.html.contains("M\u{fc}ller &amp; &lt;S\u{f6}hne&gt;"), "{}", german.html);
    for locale in ["", "fr", "../en"] {
        assert_eq!(templates.render(locale, &facts(), &links()).unwrap().locale, "en", "{locale:?}");
    }
}

#[test]
fn a_field_that_is_not_there_is_named_at_load() {
    let text = ENGLISH.replacen("by {{ deadline }}.", "by {{ dedline }}.", 1);
    let error = refusal(&text);
    assert!(
        error.starts_with(
            "templates: xx.toml, [held] short: there is no field `dedline` for this kind; there are: "
        ),
        "{error}"
    );
    assert!(error.contains("deadline, lines, minutes"), "{error}");
    // A field of another kind, in a branch that the sample does not take, and a part of a field.
    let text =
        ENGLISH.replacen("Your order {{ order }} is paid.", "{% if not order %}{{ deadline }}{% endif %}", 1);
    assert!(refusal(&text).contains("[paid] text: there is no field `deadline`"));
    let text = ENGLISH.replacen("{{ line.sku }}", "{{ line.name }}", 1);
    let error = refusal(&text);
    assert!(error.contains("[held] text: a field is missing"), "{error}");
}

#[test]
fn a_file_that_is_no_locale_is_refused() {
    for (text, part) in [
        (ENGLISH.replace("[held]", "[hold]"), "[hold] is no kind of notice; the kinds are: held, "),
        (ENGLISH.replace("other = ", "else = "), "[reasons] has no `other`"),
        (ENGLISH.replace("{{ body }}", ""), "html_page needs `{{ body }}` once"),
        (ENGLISH.replacen("{{ deadline }}", "{{ deadline", 1), "[held] subject: "),
        (ENGLISH.replacen("\nshort = ", "\nbrief = ", 1), "brief"),
        ("[held]".to_owned(), "missing field"),
        (String::new(), "missing field"),
    ] {
        let error = refusal(&text);
        assert!(error.contains(part), "{error}");
    }
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
    let error = refusal(&ENGLISH.replacen("You need not do anything.", endless, 1));
    assert!(error.contains("it takes too long"), "{error}");
    let without = ENGLISH.split("[back_in_stock]").next().unwrap();
    assert!(refusal(without).contains("there is no [back_in_stock]"));
}

#[test]
fn files_of_a_folder_take_the_place_of_those_built_in() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("fr.toml"), ENGLISH.replace("Your order is paid", "C'est payé")).unwrap();
    fs::write(folder.path().join("notes.txt"), "no template").unwrap();
    let templates = Templates::load(folder.path()).unwrap();
    let paid = Facts { kind: NoticeKind::Paid, ..facts() };
    assert_eq!(templates.render("fr", &paid, &links()).unwrap().subject, "C'est payé");
    assert_eq!(templates.render("en", &paid, &links()).unwrap().subject, "Your order is paid");
    fs::write(folder.path().join("fr.toml"), "x").unwrap();
    let error = Templates::load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("fr.toml"), "{error}");
    let missing = folder.path().join("nowhere");
    assert!(Templates::load(&missing).unwrap_err().to_string().starts_with("templates: cannot read"));
}

#[test]
fn a_subject_is_one_line_whatever_is_put_in() {
    let mut facts = facts();
    facts.kind = NoticeKind::BackInStock;
    facts.lines[0].sku = "A\r\nBcc: somebody@example.org\u{7}".to_owned();
    let rendered = Templates::built_in().unwrap().render("en", &facts, &links()).unwrap();
    assert_eq!(rendered.subject, "A Bcc: somebody@example.org is back");
    facts.lines[0].sku = "A".repeat(1_000);
    let rendered = Templates::built_in().unwrap().render("en", &facts, &links()).unwrap();
    assert_eq!(rendered.subject.chars().count(), 200);
    assert!(rendered.subject.ends_with('…'));
}
