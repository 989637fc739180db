//! What a statement is, as far as the front must know it: an INSERT whose data follow, or anything else. Pure.
//!
//! The engine parses SQL; here only the borders between words, strings and comments are found, so that a `FORMAT` in a
//! string is not taken for one.

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An INSERT with data behind it: `head` ends before FORMAT or VALUES, the data begin at `data_at`.
    Insert { head: String, format: String, data_at: usize },
    /// Anything else, with the format it names, if it does. `selects` says that it begins like a SELECT.
    Query { format: Option<String>, selects: bool },
    /// More than one statement.
    Several,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Quoted,
    Mark(u8),
}

#[derive(Clone, Copy)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

/// Looks at a statement, of which `text` may hold the beginning only, with data of any bytes behind it.
pub(crate) fn shape(text: &[u8]) -> Shape {
    let mut tokens = Tokens { text, at: 0 };
    let first = tokens.next();
    if first.is_some_and(|token| is_word(text, token, "insert"))
        && let Some(insert) = insert(text, &mut tokens)
    {
        return insert;
    }
    query(text)
}

/// None when there are no data behind: `INSERT ... SELECT`, `INSERT ... FROM INFILE`, or words are missing.
fn insert(text: &[u8], tokens: &mut Tokens<'_>) -> Option<Shape> {
    let mut token = tokens.next()?;
    while ["into", "table", "function"].iter().any(|word| is_word(text, token, word)) {
        token = tokens.next()?;
    }
    // `token` is the first part of the name, whatever it is called; a part follows each dot.
    let mut depth = 0_u32;
    loop {
        let previous = token;
        token = tokens.next()?;
        match token.kind {
            Kind::Mark(b'.') if depth == 0 => token = tokens.next()?,
            Kind::Mark(b'(' | b'[' | b'{') => depth += 1,
            Kind::Mark(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            Kind::Word if depth == 1 && previous.kind == Kind::Mark(b'(') && selects(text, token) => {
                return None;
            }
            Kind::Word if depth == 0 => {
                if selects(text, token) || is_word(text, token, "from") || is_word(text, token, "watch") {
                    return None;
                }
                if is_word(text, token, "values") {
                    return with_data(text, token.start, "Values", token.end);
                }
                if is_word(text, token, "format") {
                    let format = tokens.next().filter(|format| format.kind == Kind::Word)?;
                    let name = str::from_utf8(text.get(format.start..format.end)?).ok()?;
                    return with_data(text, token.start, name, data_start(text, format.end));
                }
            }
            _ => {}
        }
    }
}

fn with_data(text: &[u8], head_end: usize, format: &str, data_at: usize) -> Option<Shape> {
    let head = str::from_utf8(text.get(..head_end)?).ok()?.to_owned();
    Some(Shape::Insert { head, format: format.to_owned(), data_at })
}

/// Where data begin behind a format's name, as the server has it: behind a semicolon, blanks and one end of line.
fn data_start(text: &[u8], format_end: usize) -> usize {
    let mut at = format_end;
    let skip = |at: &mut usize, bytes: &[u8], most: usize| {
        let from = text.get(*at..).unwrap_or_default();
        *at += from.iter().take(most).take_while(|byte| bytes.contains(byte)).count();
    };
    skip(&mut at, b" \t\x0c", usize::MAX);
    skip(&mut at, b";", 1);
    skip(&mut at, b" \t\x0c", usize::MAX);
    skip(&mut at, b"\r", 1);
    skip(&mut at, b"\n", 1);
    at
}

fn query(text: &[u8]) -> Shape {
    let tokens: Vec<Token> = Tokens { text, at: 0 }.collect();
    let end = tokens.iter().position(|token| token.kind == Kind::Mark(b';')).unwrap_or(tokens.len());
    let (own, rest) = tokens.split_at(end);
    if rest.iter().any(|token| token.kind != Kind::Mark(b';')) {
        return Shape::Several;
    }
    let settings = |token: &Token| is_word(text, *token, "settings");
    let format = own.windows(2).enumerate().rev().find_map(|(index, pair)| {
        let named = is_word(text, pair[0], "format") && pair[1].kind == Kind::Word;
        let last = own.get(index + 2).is_none_or(settings);
        (named && last).then(|| String::from_utf8_lossy(&text[pair[1].start..pair[1].end]).into_owned())
    });
    let first = own.iter().find(|token| token.kind != Kind::Mark(b'('));
    Shape::Query { format, selects: first.is_some_and(|token| selects(text, *token)) }
}

fn selects(text: &[u8], token: Token) -> bool {
    is_word(text, token, "select") || is_word(text, token, "with")
}

fn is_word(text: &[u8], token: Token, word: &str) -> bool {
    token.kind == Kind::Word
        && text.get(token.start..token.end).is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()))
}

struct Tokens<'t> {
    text: &'t [u8],
    at: usize,
}

impl Tokens<'_> {
    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Moves behind the next `end`, or to the end of the text.
    fn skip_past(&mut self, end: &[u8]) {
        let found = self.rest().windows(end.len()).position(|window| window == end);
        self.at = found.map_or(self.text.len(), |found| self.at + found + end.len());
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
            if blanks > 0 {
                self.at += blanks;
            } else if rest.starts_with(b"--") || rest.starts_with(b"#!") || rest.starts_with(b"# ") {
                self.skip_past(b"\n");
            } else if rest.starts_with(b"/*") {
                self.at += 2;
                self.skip_past(b"*/");
            } else {
                return;
            }
        }
    }

    /// Moves behind a quoted text; a backslash or a doubled quote keeps it open.
    fn skip_quoted(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.text.get(self.at) {
            if *byte == b'\\' {
                self.at += 2;
            } else if *byte != quote {
                self.at += 1;
            } else if self.text.get(self.at + 1) == Some(&quote) {
                self.at += 2;
            } else {
                self.at += 1;
                return;
            }
        }
        self.at = self.text.len();
    }

    /// Moves behind `$tag$ ... $tag$`, if that is what stands here.
    fn skip_heredoc(&mut self) -> bool {
        let rest = self.rest();
        let tag =
            rest.iter().skip(1).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let Some(tag) = rest.get(..tag + 2).filter(|tag| tag.ends_with(b"$")) else { return false };
        let tag = tag.to_vec();
        self.at += tag.len();
        self.skip_past(&tag);
        true
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_blanks_and_comments();
        let start = self.at;
        let byte = *self.text.get(start)?;
        let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        let kind = if matches!(byte, b'\'' | b'"' | b'`') {
            self.skip_quoted(byte);
            Kind::Quoted
        } else if byte == b'$' && self.skip_heredoc() {
            Kind::Quoted
        } else if in_word(&byte) {
            self.at += self.rest().iter().take_while(|byte| in_word(byte)).count();
            Kind::Word
        } else {
            self.at += 1;
            Kind::Mark(byte)
        };
        self.at = self.at.min(self.text.len());
        Some(Token { kind, start, end: self.at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn inserts(text: &[u8], head: &str, format: &str, data: &[u8]) {
        match shape(text) {
            Shape::Insert { head: found, format: found_format, data_at } => {
                assert_eq!((found.trim_end(), found_format.as_str(), &text[data_at..]), (head, format, data));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn data_begin_behind_the_format() {
        inserts(
            b"INSERT INTO t(a, b) FORMAT RowBinary\n\n\0FORMAT",
            "INSERT INTO t(a, b)",
            "RowBinary",
            b"\n\0FORMAT",
        );
        inserts(b"insert into t format CSV 1,2", "insert into t", "CSV", b"1,2");
        inserts(b"INSERT INTO t FORMAT CSV;\r\n1", "INSERT INTO t", "CSV", b"1");
        inserts(b"INSERT INTO t FORMAT CSV", "INSERT INTO t", "CSV", b"");
        inserts(b"INSERT INTO t VALUES (1), (2)", "INSERT INTO t", "Values", b" (1), (2)");
    }

    #[test]
    fn names_and_strings_are_not_keywords() {
        inserts(b"INSERT INTO format FORMAT CSV\n1", "INSERT INTO format", "CSV", b"1");
        inserts(b"INSERT INTO db.values FORMAT CSV\n1", "INSERT INTO db.values", "CSV", b"1");
        inserts(
            b"INSERT INTO `a``FORMAT`.\"t\" (`format`, from) FORMAT CSV\n1",
            "INSERT INTO `a``FORMAT`.\"t\" (`format`, from)",
            "CSV",
            b"1",
        );
        inserts(
            b"/* FORMAT x */ INSERT -- FORMAT y\nINTO t SETTINGS a = 'FORMAT z' FORMAT CSV\n1",
            "/* FORMAT x */ INSERT -- FORMAT y\nINTO t SETTINGS a = 'FORMAT z'",
            "CSV",
            b"1",
        );
        inserts(
            b"INSERT INTO FUNCTION file('a.csv', 'CSV', 'a Int8') FORMAT TSV\n1",
            "INSERT INTO FUNCTION file('a.csv', 'CSV', 'a Int8')",
            "TSV",
            b"1",
        );
    }

    #[test]
    fn inserts_without_data_are_queries() {
        for text in [
            "INSERT INTO t SELECT 1 FORMAT CSV",
            "INSERT INTO t (a) (SELECT 1)",
            "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
            "INSERT INTO t",
            "INSERT",
        ] {
            assert!(matches!(shape(text.as_bytes()), Shape::Query { selects: false, .. }), "{text}");
        }
    }

    #[test]
    fn queries_name_their_format_last() {
        let query =
            |format: Option<&str>, selects| Shape::Query { format: format.map(str::to_owned), selects };
        for (text, expected) in [
            ("SELECT 1", query(None, true)),
            ("SELECT 1 FORMAT JSON", query(Some("JSON"), true)),
            ("SELECT 1 FORMAT JSON SETTINGS a = 1;", query(Some("JSON"), true)),
            ("SELECT format FROM t", query(None, true)),
            ("SELECT 'x FORMAT JSON'", query(None, true)),
            ("SELECT $x$ FORMAT JSON; $x$", query(None, true)),
            ("((SELECT 1) UNION ALL (SELECT 2))", query(None, true)),
            ("WITH 1 AS x SELECT x", query(None, true)),
            ("CREATE TABLE t (a Int8) ENGINE = Memory", query(None, false)),
            ("SHOW TABLES FORMAT CSV", query(Some("CSV"), false)),
            ("SELECT 1; SELECT 2", Shape::Several),
            ("SELECT ';' -- ; x\n;; ", query(None, true)),
            ("", query(None, false)),
            ("SELECT 'open", query(None, true)),
            ("SELECT 'open\\", query(None, true)),
        ] {
            assert_eq!(shape(text.as_bytes()), expected, "{text}");
        }
    }
}
