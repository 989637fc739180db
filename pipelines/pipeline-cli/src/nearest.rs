//! The known word nearest to a mistyped one.

/// Words less alike than this are no help to who mistyped one (Jaro-Winkler, from 0 to 1).
const LIKENESS_MIN: f64 = 0.75;

/// The member of `known` most like `word`, if one is like it at all.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "x"?`, or nothing.
pub fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |found| format!("; did you mean `{found}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far() {
        let known = ["partitions", "replication", "retention"];
        assert_eq!(nearest("partition", known), Some("partitions"));
        assert_eq!(nearest("RETENTOIN", known), Some("retention"));
        assert_eq!(nearest("xyz", known), None);
        assert_eq!(suggestion("replicas", known), "; did you mean `replication`?");
        assert_eq!(suggestion("xyz", known), "");
    }
}
