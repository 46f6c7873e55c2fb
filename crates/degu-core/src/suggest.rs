//! "Did you mean".

/// The candidate nearest to `name`, if it is near.
///
/// At most a third of the letters, and at least one, may differ. Case does not count; a swap of
/// neighbours counts once.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let best = candidates
        .into_iter()
        .map(|c| (strsim::osa_distance(&lower, &c.to_lowercase()), c))
        .min()?;
    (best.0 <= (name.chars().count() / 3).max(1)).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn one_edit_or_swap_is_near() {
        for name in ["bnpet", "bpnt", "bpnett", "bpxet"] {
            assert_eq!(nearest(name, ["bpnet", "other"]), Some("bpnet"), "{name}");
        }
    }

    #[test]
    fn case_does_not_count() {
        assert_eq!(nearest("hepg2", ["HepG2", "K562"]), Some("HepG2"));
    }

    #[test]
    fn far_names_are_not_suggested() {
        assert_eq!(
            nearest("residualbnid", ["bpnet", "residualbind"]),
            Some("residualbind")
        );
        assert_eq!(nearest("transformer", ["bpnet", "residualbind"]), None);
    }
}
