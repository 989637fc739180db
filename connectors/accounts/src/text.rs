//! What letters say, in English and German.

use sink_push::Rendered;

use crate::letter::{Letter, LetterKind};

/// The shop that writes, and where its links lead; a token is put after those that end in one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stationery {
    /// The shop's name.
    pub shop: String,
    /// Where a link that verifies an address leads: `https://shop.example/verify?token=`.
    pub verify_url: String,
    /// Where a link that sets a new password leads: `https://shop.example/reset?token=`.
    pub reset_url: String,
    /// Where one logs in.
    pub log_in_url: String,
}

struct Words {
    locale: &'static str,
    verify: [&'static str; 3],
    taken: [&'static str; 3],
    reset: [&'static str; 3],
}

/// Subject, what to do, and what to know; `{shop}` stands for the shop.
const ENGLISH: Words = Words {
    locale: "en",
    verify: [
        "Please confirm your e-mail address",
        "Somebody, hopefully you, has registered this address with {shop}. To confirm it, open this link within a day and give \
         the password you have chosen:",
        "If it was not you, do nothing: without confirmation the registration is deleted.",
    ],
    taken: [
        "You already have an account",
        "Somebody, hopefully you, has tried to register this address with {shop}. It has an account already; log in here:",
        "If you have forgotten the password, you can choose a new one there. If it was not you, do nothing.",
    ],
    reset: [
        "Choose a new password",
        "Somebody, hopefully you, wants a new password for {shop}. To choose one, open this link within an hour:",
        "If it was not you, do nothing: the old password stays as it is.",
    ],
};

const GERMAN: Words = Words {
    locale: "de",
    verify: [
        "Bitte bestätigen Sie Ihre E-Mail-Adresse",
        "Jemand, hoffentlich Sie, hat diese Adresse bei {shop} registriert. Um sie zu bestätigen, öffnen Sie innerhalb eines \
         Tages diesen Link und geben Sie das gewählte Passwort ein:",
        "Wenn Sie das nicht waren, tun Sie nichts: Ohne Bestätigung wird die Registrierung gelöscht.",
    ],
    taken: [
        "Sie haben bereits ein Konto",
        "Jemand, hoffentlich Sie, wollte diese Adresse bei {shop} registrieren. Sie hat bereits ein Konto; melden Sie sich \
         hier an:",
        "Wenn Sie das Passwort vergessen haben, können Sie dort ein neues wählen. Wenn Sie das nicht waren, tun Sie nichts.",
    ],
    reset: [
        "Wählen Sie ein neues Passwort",
        "Jemand, hoffentlich Sie, möchte ein neues Passwort für {shop}. Um es zu wählen, öffnen Sie innerhalb einer Stunde \
         diesen Link:",
        "Wenn Sie das nicht waren, tun Sie nichts: Das alte Passwort gilt weiter.",
    ],
};

impl Stationery {
    /// Writes a letter.
    pub fn write(&self, letter: &Letter) -> Rendered {
        let words = if letter.locale.split(['-', '_']).next() == Some("de") { GERMAN } else { ENGLISH };
        let ([subject, what, know], url) = match &letter.kind {
            LetterKind::Verify { token } => (words.verify, format!("{}{}", self.verify_url, token.expose())),
            LetterKind::Taken => (words.taken, self.log_in_url.clone()),
            LetterKind::Reset { token } => (words.reset, format!("{}{}", self.reset_url, token.expose())),
        };
        let what = what.replace("{shop}", &self.shop);
        let (shown_what, shown_url) = (escaped(&what), escaped(&url));
        Rendered {
            locale: words.locale.to_owned(),
            subject: format!("{}: {subject}", self.shop),
            short: subject.to_owned(),
            text: format!("{what}\n\n{url}\n\n{know}\n"),
            html: format!(
                "<!doctype html><html lang=\"{}\"><body><p>{shown_what}</p><p><a href=\"{shown_url}\">{shown_url}</a></p>\
                 <p>{}</p></body></html>",
                words.locale,
                escaped(know)
            ),
            unsubscribe_url: None,
        }
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EmailAddress, LinkToken};

    #[test]
    fn letters_hold_their_link_and_nothing_else_becomes_markup() {
        let stationery = Stationery {
            shop: "Sun & <Moon>".to_owned(),
            verify_url: "https://shop.example/verify?a=1&token=".to_owned(),
            reset_url: "https://shop.example/reset?token=".to_owned(),
            log_in_url: "https://shop.example/log-in".to_owned(),
        };
        let token = LinkToken::new("TOKEN");
        for (locale, written) in [("en", "en"), ("de-AT", "de"), ("de_CH", "de"), ("fr", "en"), ("", "en")] {
            for (kind, url) in [
                (LetterKind::Verify { token: token.clone() }, "https://shop.example/verify?a=1&token=TOKEN"),
                (LetterKind::Reset { token: token.clone() }, "https://shop.example/reset?token=TOKEN"),
                (LetterKind::Taken, "https://shop.example/log-in"),
            ] {
                let to = EmailAddress::parse("anna@example.org").unwrap();
                let letter = Letter { id: String::new(), to, locale: locale.to_owned(), kind };
                let rendered = stationery.write(&letter);
                assert_eq!(rendered.locale, written);
                assert!(rendered.text.contains(&format!("\n\n{url}\n\n")), "{}", rendered.text);
                assert!(rendered.text.contains("Sun & <Moon>"));
                assert!(rendered.html.contains(&url.replace('&', "&amp;")), "{}", rendered.html);
                assert!(rendered.html.contains("Sun &amp; &lt;Moon&gt;"));
                assert!(!rendered.text.contains('{') && !rendered.html.contains('{'));
            }
        }
    }
}
