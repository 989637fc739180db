//! Words as they are indexed and searched for: without case, without accents, umlauts also spelled out.

use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer, TokenStream,
};

use crate::limits::{QUERY_BYTES_MAX, QUERY_WORDS_MAX, WORD_BYTES_MAX};

/// Takes a text apart. What is no letter and no digit parts words.
pub(crate) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(WORD_BYTES_MAX + 1))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// The words of a text that is searched for.
pub(crate) fn query_words(text: &str) -> Vec<String> {
    let text = text.get(..text.floor_char_boundary(QUERY_BYTES_MAX)).unwrap_or_default();
    let mut analyzer = analyzer();
    let mut stream = analyzer.token_stream(text);
    let mut words = Vec::new();
    while words.len() < QUERY_WORDS_MAX && stream.advance() {
        words.push(stream.token().text.clone());
    }
    words
}

/// The text with its umlauts spelled out, if it has any: `ö` is found as `o` anyway, and as `oe` by this.
pub(crate) fn spelled_out(text: &str) -> Option<String> {
    let has_any = text.contains(['ä', 'ö', 'ü', 'Ä', 'Ö', 'Ü']);
    has_any.then(|| text.replace(['ä', 'Ä'], "ae").replace(['ö', 'Ö'], "oe").replace(['ü', 'Ü'], "ue"))
}

/// How many letters may be wrong in a word, a swap of neighbours counting as one.
pub(crate) fn typos_allowed(word: &str) -> u8 {
    match word.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_plain() {
        assert_eq!(query_words("Kopfhörer, GROẞ & café-crème!"), ["kopfhorer", "gross", "cafe", "creme"]);
        assert_eq!(query_words("console-x 42"), ["console", "x", "42"]);
        assert_eq!(query_words(" \u{0} … "), Vec::<String>::new());
        assert_eq!(query_words(&"a ".repeat(500)).len(), QUERY_WORDS_MAX);
        assert!(query_words(&"ö".repeat(500)).is_empty(), "no word is that long");
        assert_eq!(spelled_out("Kopfhörer für Bässe").as_deref(), Some("Kopfhoerer fuer Baesse"));
        assert_eq!(spelled_out("headphones"), None);
    }
}
