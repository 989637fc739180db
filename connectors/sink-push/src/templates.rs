//! How notices read: one TOML file per locale, with a subject, a short text, a text and an HTML part for each kind.
//!
//! It promises that whatever loads can be rendered: every template is checked at load against the fields its kind has, and
//! rendered once. A field that does not exist is an error that names file, kind, part and field. HTML parts escape what
//! is put in. It does not promise that a text is good.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde::Deserialize;

use crate::fields::{Fields, Links, sample, sample_bare};
use crate::limits::{
    PART_BYTES_MAX, SHORT_CHARS_MAX, SUBJECT_CHARS_MAX, TEMPLATE_FILE_BYTES_MAX, TEMPLATE_FUEL,
};
use crate::notice::{Facts, NoticeKind};

/// The locale that must be there, and that stands in for those that are not.
pub const LOCALE_DEFAULT: &str = "en";

const BUILT_IN: [(&str, &str); 2] =
    [("en", include_str!("../templates/en.toml")), ("de", include_str!("../templates/de.toml"))];

/// The parts of a notice's template, in the order of [`KindFile`].
const PARTS: [&str; 4] = ["subject", "short", "text", "html"];

/// A notice, ready for any channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rendered {
    /// The locale it is written in.
    pub locale: String,
    /// One line.
    pub subject: String,
    /// For SMS and push: one or two sentences.
    pub short: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
    /// Where a click ends such notices, if there is such a place.
    pub unsubscribe_url: Option<String>,
}

/// Why templates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A file cannot be read.
    #[error("templates: cannot read {file}: {detail}")]
    Unreadable {
        /// Which.
        file: String,
        /// What the system says.
        detail: String,
    },
    /// A file is not what it has to be.
    #[error("templates: {file}: {detail}")]
    Invalid {
        /// Which.
        file: String,
        /// What is wrong, and where.
        detail: String,
    },
    /// A template uses a field its kind does not have.
    #[error(
        "templates: {file}, [{kind}] {part}: there is no field `{field}` for this kind; there are: {known}"
    )]
    NoField {
        /// Which file.
        file: String,
        /// Which kind.
        kind: &'static str,
        /// Which part.
        part: &'static str,
        /// The field.
        field: String,
        /// Those there are.
        known: String,
    },
    /// A template fails for the facts at hand.
    #[error("templates: {file}, [{kind}] {part}: {detail}")]
    Render {
        /// Which file.
        file: String,
        /// Which kind.
        kind: &'static str,
        /// Which part.
        part: &'static str,
        /// Why.
        detail: String,
    },
}

#[derive(Deserialize)]
struct LocaleFile {
    format: Format,
    /// Reasons of refusal, by their stable names; `other` for those not listed.
    reasons: BTreeMap<String, String>,
    /// Wraps each kind's HTML; `{{ body }}` stands for it.
    html_page: String,
    #[serde(flatten)]
    kinds: BTreeMap<String, KindFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindFile {
    subject: String,
    short: String,
    text: String,
    html: String,
}

/// How a locale writes numbers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Format {
    /// Between major and minor units.
    pub(crate) decimal_mark: String,
    /// Whether the currency stands after the amount.
    pub(crate) currency_last: bool,
}

struct Locale {
    format: Format,
    reasons: BTreeMap<String, String>,
}

/// The templates of every locale.
pub struct Templates {
    environment: Environment<'static>,
    locales: BTreeMap<String, Locale>,
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Templates").field("locales", &self.locales.keys()).finish_non_exhaustive()
    }
}

impl Templates {
    /// Those that come with the program: English and German.
    pub fn built_in() -> Result<Self, TemplateError> {
        let mut templates = Self::empty();
        for (locale, text) in BUILT_IN {
            templates.add(locale, &format!("{locale}.toml (built in)"), text)?;
        }
        Ok(templates)
    }

    /// Those that come with the program, with the files `LOCALE.toml` of a folder in their place or besides.
    pub fn load(folder: &Path) -> Result<Self, TemplateError> {
        let unreadable = |path: &Path, error: &std::io::Error| TemplateError::Unreadable {
            file: path.display().to_string(),
            detail: error.to_string(),
        };
        let mut templates = Self::built_in()?;
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
            let path = entry.map_err(|error| unreadable(folder, &error))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                found.push(path);
            }
        }
        found.sort();
        for path in found {
            let size = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?.len();
            let file = path.display().to_string();
            if size > TEMPLATE_FILE_BYTES_MAX {
                let detail = format!("it has {size} bytes, at most {TEMPLATE_FILE_BYTES_MAX} are read");
                return Err(TemplateError::Invalid { file, detail });
            }
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            let locale = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            templates.add(&locale, &file, &text)?;
        }
        Ok(templates)
    }

    fn empty() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(TEMPLATE_FUEL));
        environment.set_auto_escape_callback(|name| {
            if name.ends_with("/html") { AutoEscape::Html } else { AutoEscape::None }
        });
        Self { environment, locales: BTreeMap::new() }
    }

    /// Adds a locale from the text of its file, or puts it in the place of the one there; `file` is for messages.
    pub fn add(&mut self, locale: &str, file: &str, text: &str) -> Result<(), TemplateError> {
        let invalid = |detail: String| TemplateError::Invalid { file: file.to_owned(), detail };
        let parsed: LocaleFile = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        if !parsed.reasons.contains_key("other") {
            return Err(invalid("[reasons] has no `other`, for reasons that are not listed".to_owned()));
        }
        let unknown =
            parsed.kinds.keys().find(|name| !NoticeKind::ALL.iter().any(|kind| kind.name() == **name));
        if let Some(name) = unknown {
            return Err(invalid(format!("[{name}] is no kind of notice; the kinds are: {}", kind_names())));
        }
        let page = parsed.html_page.replace("{{ body }}", "\u{0}");
        let (Some((before, after)), 1) = (page.split_once('\u{0}'), page.matches('\u{0}').count()) else {
            return Err(invalid("html_page needs `{{ body }}` once".to_owned()));
        };
        for kind in NoticeKind::ALL {
            let Some(parts) = parsed.kinds.get(kind.name()) else {
                return Err(invalid(format!("there is no [{}]", kind.name())));
            };
            let html = format!("{before}{}{after}", parts.html);
            for (part, source) in PARTS.into_iter().zip([&parts.subject, &parts.short, &parts.text, &html]) {
                let name = template_name(locale, kind, part);
                self.environment
                    .add_template_owned(name, source.clone())
                    .map_err(|error| invalid(format!("[{}] {part}: {error}", kind.name())))?;
            }
        }
        self.locales.insert(locale.to_owned(), Locale { format: parsed.format, reasons: parsed.reasons });
        self.check(locale, file)
    }

    /// Every template names known fields only, and can be rendered with all of them and with as few as there may be.
    fn check(&self, locale: &str, file: &str) -> Result<(), TemplateError> {
        for kind in NoticeKind::ALL {
            let facts = sample(kind);
            let fields = self.fields(locale, &facts, &Links::sample());
            for part in PARTS {
                let template = self.environment.get_template(&template_name(locale, kind, part));
                let used = template.map(|template| template.undeclared_variables(false)).unwrap_or_default();
                // Sorted, so that the same file always gets the same message.
                let mut unknown: Vec<_> =
                    used.into_iter().filter(|name| !fields.has(name) && !self.is_function(name)).collect();
                unknown.sort();
                if let Some(field) = unknown.into_iter().next() {
                    let known = fields.names();
                    return Err(TemplateError::NoField {
                        file: file.to_owned(),
                        kind: kind.name(),
                        part,
                        field,
                        known,
                    });
                }
            }
            self.render_as(locale, file, &facts, &Links::sample())?;
            self.render_as(locale, file, &sample_bare(kind), &Links::default())?;
        }
        Ok(())
    }

    fn is_function(&self, name: &str) -> bool {
        self.environment.globals().any(|(global, _)| global == name)
    }

    /// The locale nearest to the one wanted: itself, its language without the region, or the default.
    pub fn nearest<'a>(&'a self, wanted: &str) -> &'a str {
        let language = wanted.split(['-', '_']).next().unwrap_or_default();
        [wanted, language]
            .into_iter()
            .find_map(|name| self.locales.get_key_value(name))
            .map_or(LOCALE_DEFAULT, |(name, _)| name)
    }

    /// Writes a notice in the locale nearest to the one wanted.
    pub fn render(&self, wanted: &str, facts: &Facts, links: &Links) -> Result<Rendered, TemplateError> {
        let locale = self.nearest(wanted);
        self.render_as(locale, &format!("{locale}.toml"), facts, links)
    }

    fn render_as(
        &self,
        locale: &str,
        file: &str,
        facts: &Facts,
        links: &Links,
    ) -> Result<Rendered, TemplateError> {
        let fields = self.fields(locale, facts, links);
        let part = |part: &'static str| {
            self.render_part(&template_name(locale, facts.kind, part), &fields).map_err(|detail| {
                TemplateError::Render { file: file.to_owned(), kind: facts.kind.name(), part, detail }
            })
        };
        Ok(Rendered {
            locale: locale.to_owned(),
            subject: one_line(&part("subject")?, SUBJECT_CHARS_MAX),
            short: one_line(&part("short")?, SHORT_CHARS_MAX),
            text: part("text")?,
            html: part("html")?,
            unsubscribe_url: links.unsubscribe.clone(),
        })
    }

    fn render_part(&self, name: &str, fields: &Fields) -> Result<String, String> {
        let template = self.environment.get_template(name).map_err(|error| error.to_string())?;
        let text = template.render(minijinja::value::Serde(fields)).map_err(|error| match error.kind() {
            ErrorKind::OutOfFuel => "it takes too long; is there a loop in a loop?".to_owned(),
            ErrorKind::UndefinedError => {
                let line = error.line().map_or_else(String::new, |line| format!(" in line {line}"));
                format!("a field is missing{line}: {error}")
            }
            _ => error.to_string(),
        })?;
        if text.len() > PART_BYTES_MAX {
            return Err(format!("it writes {} bytes, at most {PART_BYTES_MAX} are sent", text.len()));
        }
        Ok(text)
    }

    fn fields(&self, locale: &str, facts: &Facts, links: &Links) -> Fields {
        match self.locales.get(locale) {
            Some(locale) => Fields::new(facts, links, &locale.format, |name| locale.reason(name)),
            None => Fields::new(facts, links, &Format::plain(), str::to_owned),
        }
    }
}

impl Locale {
    fn reason(&self, name: &str) -> String {
        let text = self.reasons.get(name).or_else(|| self.reasons.get("other"));
        text.map_or_else(|| name.to_owned(), Clone::clone)
    }
}

impl Format {
    fn plain() -> Self {
        Self { decimal_mark: ".".to_owned(), currency_last: false }
    }
}

fn template_name(locale: &str, kind: NoticeKind, part: &str) -> String {
    format!("{locale}/{}/{part}", kind.name())
}

fn kind_names() -> String {
    NoticeKind::ALL.map(NoticeKind::name).join(", ")
}

/// A subject holds no line break (it would be a header of its own) and no control character.
fn one_line(text: &str, chars_max: usize) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean = joined.chars().filter(|character| !character.is_control());
    let cut: String = clean.clone().take(chars_max).collect();
    if clean.count() <= chars_max {
        return cut;
    }
    let kept: String = cut.chars().take(chars_max - 1).collect();
    format!("{kept}…")
}
