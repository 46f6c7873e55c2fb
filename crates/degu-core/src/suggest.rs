//! "Did you mean".

/// The candidate nearest to `name`, if it is near: at most a third of the letters, and at least
/// one, may differ. A swap of neighbours counts once.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best = candidates
        .into_iter()
        .map(|c| (strsim::osa_distance(name, c), c))
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
    fn far_names_are_not_suggested() {
        assert_eq!(
            nearest("residualbnid", ["bpnet", "residualbind"]),
            Some("residualbind")
        );
        assert_eq!(nearest("transformer", ["bpnet", "residualbind"]), None);
    }
}
