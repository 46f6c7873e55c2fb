//! Whole kinds of rows that models are only evaluated on.

use std::collections::{BTreeMap, BTreeSet};

use degu_config::HoldOut;
use degu_core::{Split, suggest};

use crate::error::{Result, StageError};

/// Rows of the sets, and what was left out of them.
#[derive(Debug, Default)]
pub(super) struct HeldOut {
    pub(super) sets: BTreeMap<String, Vec<usize>>,
    pub(super) notes: Vec<String>,
}

/// Takes rows of other kinds out of the parts, and gathers the sets.
///
/// A row of a set is used if no row of its `group` is left in a part: near-duplicates of
/// training rows would flatter a model, and those of calibration rows its intervals.
pub(super) fn apply(
    hold_out: &HoldOut,
    kinds: &[String],
    part: &mut [Option<Split>],
    group: &[u64],
) -> Result<HeldOut> {
    check(hold_out, kinds)?;
    let set_of = set_of(hold_out)?;
    let keeps = |kind: &str| {
        if hold_out.keep.is_empty() {
            !set_of.contains_key(kind)
        } else {
            hold_out.keep.iter().any(|k| k == kind)
        }
    };
    let mut unused = 0;
    for (row, kind) in kinds.iter().enumerate() {
        if !keeps(kind) {
            part[row] = None;
            unused += usize::from(!set_of.contains_key(kind.as_str()));
        }
    }
    let mut held = gather(hold_out, kinds, part, group)?;
    if unused > 0 {
        held.notes.push(format!(
            "{unused} rows are of kinds that neither the split nor a held-out set uses"
        ));
    }
    Ok(held)
}

/// Refuses kinds that the column does not have.
fn check(hold_out: &HoldOut, kinds: &[String]) -> Result<()> {
    let known: BTreeSet<&str> = kinds.iter().map(String::as_str).collect();
    let mut named = hold_out.keep.iter().chain(hold_out.sets.values().flatten());
    let Some(kind) = named.find(|kind| !known.contains(kind.as_str())) else {
        return Ok(());
    };
    let near = suggest::nearest(kind, known.iter().copied())
        .map(|n| format!(", did you mean `{n}`?"))
        .unwrap_or_default();
    let listed: Vec<&str> = known.iter().copied().take(20).collect();
    Err(StageError::Study {
        what: format!(
            "`split.hold_out`: column `{}` has no rows of kind `{kind}`{near}; it has: {}",
            hold_out.column,
            listed.join(", ")
        ),
        help: "name kinds as the column does",
    })
}

/// The set of each kind that is in one.
fn set_of(hold_out: &HoldOut) -> Result<BTreeMap<&str, &str>> {
    let mut set_of: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, members) in &hold_out.sets {
        for kind in members {
            if let Some(other) = set_of.insert(kind, name)
                && other != name
            {
                return Err(StageError::Study {
                    what: format!(
                        "`split.hold_out`: kind `{kind}` is in `{other}` and in `{name}`"
                    ),
                    help: "a kind is in one set",
                });
            }
        }
    }
    Ok(set_of)
}

/// The rows of each set whose group has no row left in a part.
fn gather(
    hold_out: &HoldOut,
    kinds: &[String],
    part: &[Option<Split>],
    group: &[u64],
) -> Result<HeldOut> {
    let used: BTreeSet<u64> = (0..part.len())
        .filter(|row| part[*row].is_some())
        .map(|row| group[row])
        .collect();
    let mut held = HeldOut::default();
    for (name, of_set) in &hold_out.sets {
        let all: Vec<usize> = (0..kinds.len())
            .filter(|row| of_set.contains(&kinds[*row]))
            .collect();
        let rows: Vec<usize> = all
            .iter()
            .copied()
            .filter(|row| !used.contains(&group[*row]))
            .collect();
        if rows.is_empty() {
            return Err(StageError::Study {
                what: format!(
                    "the held-out set `{name}` has no rows of groups of their own ({} share a group with the split)",
                    all.len()
                ),
                help: "choose another `split.group`, or leave the set out",
            });
        }
        held.notes.push(format!(
            "held-out set {name}: {} rows; {} more share a group with rows of the split and are left out",
            rows.len(),
            all.len() - rows.len()
        ));
        held.sets.insert(name.clone(), rows);
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(keep: &[&str], sets: &[(&str, &[&str])]) -> HoldOut {
        let owned = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        HoldOut {
            column: "category".to_owned(),
            keep: owned(keep),
            related: None,
            sets: sets
                .iter()
                .map(|(name, kinds)| ((*name).to_owned(), owned(kinds)))
                .collect(),
        }
    }

    fn table() -> (Vec<String>, Vec<Option<Split>>, Vec<u64>) {
        let kinds = ["k562", "k562", "wtc11", "wtc11", "promoter", "shuffled"];
        let part = [
            Split::Train,
            Split::Test,
            Split::Train,
            Split::Test,
            Split::Train,
            Split::Train,
        ];
        (
            kinds.map(str::to_owned).to_vec(),
            part.map(Some).to_vec(),
            // Row 2 is a near-duplicate of training row 0.
            vec![1, 2, 1, 3, 4, 5],
        )
    }

    #[test]
    fn kinds_leave_the_split_and_relatives_of_it_leave_the_sets() {
        let (kinds, mut part, group) = table();
        let spec = spec(
            &["k562"],
            &[("wtc11", &["wtc11"]), ("promoter", &["promoter"])],
        );
        let held = super::apply(&spec, &kinds, &mut part, &group).unwrap();
        assert_eq!(part[0], Some(Split::Train));
        assert_eq!(part[1], Some(Split::Test));
        assert!(part[2..].iter().all(Option::is_none));
        assert_eq!(held.sets["wtc11"], [3]);
        assert_eq!(held.sets["promoter"], [4]);
        assert!(
            held.notes.iter().any(|n| n.contains("1 more share")),
            "{:?}",
            held.notes
        );
        assert!(
            held.notes
                .iter()
                .any(|n| n.starts_with("1 rows are of kinds"))
        );
    }

    #[test]
    fn without_keep_every_other_kind_stays() {
        let (kinds, mut part, group) = table();
        let spec = spec(&[], &[("promoter", &["promoter"])]);
        apply(&spec, &kinds, &mut part, &group).unwrap();
        assert_eq!(part.iter().filter(|p| p.is_some()).count(), 5);
    }

    #[test]
    fn unknown_kinds_and_empty_sets_are_refused() {
        let (kinds, part, group) = table();
        let apply = |spec: HoldOut| {
            let error = super::apply(&spec, &kinds, &mut part.clone(), &group).unwrap_err();
            error.to_string()
        };
        let error = apply(spec(&[], &[("p", &["promotor"])]));
        assert!(error.contains("did you mean `promoter`"), "{error}");
        let error = apply(spec(&[], &[("a", &["wtc11"]), ("b", &["wtc11"])]));
        assert!(error.contains("in `a` and in `b`"), "{error}");
        // Every wtc11 row is related to a k562 row.
        let related = vec![1, 2, 1, 2, 4, 5];
        let spec = spec(&["k562"], &[("wtc11", &["wtc11"])]);
        let error = super::apply(&spec, &kinds, &mut part.clone(), &related).unwrap_err();
        assert!(error.to_string().contains("2 share a group"), "{error}");
    }
}
