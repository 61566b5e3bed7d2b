//! "did you mean": the nearest of the words that would have been right.

/// The word in `known` that `word` is most likely a slip of; `None` where none is near.
///
/// Case, `-` and `_` do not count. Near is at most one edit (insert, delete, replace, swap neighbours) for each three letters.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let wanted = plain(word);
    let most = wanted.chars().count().div_ceil(3);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= most && *distance < candidate.chars().count())
        // `min_by_key` keeps the first of equals, so the order of `known` decides a tie.
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The hint for [`nearest`].
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|candidate| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_finds_none() {
        let known = ["name", "version", "default-features", "min", "max"];
        assert_eq!(nearest("nmae", known), Some("name"));
        assert_eq!(nearest("verison", known), Some("version"));
        assert_eq!(nearest("Default_Features", known), Some("default-features"));
        assert_eq!(nearest("mix", known), Some("min"));
        assert_eq!(nearest("homepage", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
