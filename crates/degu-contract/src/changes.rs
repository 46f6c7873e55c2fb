//! G1 to G4 and S1 to S4: augmentations and shifts.

use degu_core::{Augmentation, Plugin, Resolved, Result, Seed, SequenceBatch, Shift};

use super::{
    Checked, Checks, Verdict, ensure,
    probe::{codes, root},
};

/// Length of the sequences, odd and not a multiple of anything.
const LENGTH: usize = 211;
/// Sequences.
const ROWS: usize = 24;

type Change<'a> = &'a dyn Fn(&mut SequenceBatch, &[Seed]) -> Result<()>;

pub(super) fn augmentation(
    _plugin: &Plugin<dyn Augmentation>,
    resolved: &Resolved<dyn Augmentation>,
    checks: &mut Checks,
) {
    let built = match resolved.build() {
        Ok(built) => built,
        Err(error) => return checks.run("G1", "builds", || Err(error.into())),
    };
    let change = |batch: &mut SequenceBatch, seeds: &[Seed]| built.apply(batch, seeds);
    checks.run(
        "G1",
        "number and length of the sequences stay, codes are 0 to 4",
        || layout(&change),
    );
    checks.run(
        "G2",
        "the same seeds give the same sequences, however they are cut into batches",
        || batches(&change),
    );
    checks.run("G3", "other seeds give other sequences", || {
        let (a, b) = (changed(&change, "a")?, changed(&change, "b")?);
        if a == batch()? && b == a {
            return Err(Verdict::Skip("changes nothing".to_owned()));
        }
        ensure(a != b, || {
            "24 sequences are alike for two sets of seeds".to_owned()
        })
    });
    checks.run(
        "G4",
        "an empty batch and sequences of unknown bases are taken",
        || edges(&change),
    );
}

pub(super) fn shift(
    _plugin: &Plugin<dyn Shift>,
    resolved: &Resolved<dyn Shift>,
    checks: &mut Checks,
) {
    let built = match resolved.build() {
        Ok(built) => built,
        Err(error) => return checks.run("S1", "builds", || Err(error.into())),
    };
    let at = |severity: f64| {
        let built = built.as_ref();
        move |batch: &mut SequenceBatch, seeds: &[Seed]| built.apply(batch, severity, seeds)
    };
    let (none, some) = (at(0.0), at(0.5));
    checks.run(
        "S1",
        "number and length of the sequences stay, codes are 0 to 4",
        || layout(&some),
    );
    checks.run(
        "S2",
        "the same seeds give the same sequences, however they are cut into batches",
        || batches(&some),
    );
    checks.run(
        "S3",
        "severity 0 changes nothing, severity 0.5 does",
        || {
            let before = batch()?;
            let same = changed(&none, "a")? == before;
            ensure(same, || "severity 0 changes sequences".to_owned())?;
            let moved = changed(&some, "a")? != before;
            ensure(moved, || "severity 0.5 changes nothing".to_owned())
        },
    );
    checks.run(
        "S4",
        "an empty batch and sequences of unknown bases are taken",
        || edges(&some),
    );
}

fn batch() -> Result<SequenceBatch> {
    SequenceBatch::new(codes("changes", ROWS, LENGTH, true), LENGTH)
}

fn seeds(label: &str, rows: std::ops::Range<usize>) -> Vec<Seed> {
    let root = root().child(label);
    rows.map(|i| root.child(i.to_string())).collect()
}

fn changed(change: Change<'_>, label: &str) -> Result<SequenceBatch> {
    let mut batch = batch()?;
    change(&mut batch, &seeds(label, 0..ROWS))?;
    Ok(batch)
}

fn layout(change: Change<'_>) -> Checked {
    let after = changed(change, "a")?;
    ensure(
        after.length == LENGTH && after.codes.len() == ROWS * LENGTH,
        || {
            format!(
                "expected {ROWS} sequences of {LENGTH} bp, found {} codes in rows of {}",
                after.codes.len(),
                after.length
            )
        },
    )?;
    ensure(after.codes.iter().all(|c| *c <= 4), || {
        "a code above 4".to_owned()
    })?;
    if let Some(noise) = &after.noise {
        let sound = noise.len() == ROWS * LENGTH * 4 && noise.iter().all(|v| v.is_finite());
        ensure(sound, || {
            format!(
                "expected finite noise of [{ROWS}, {LENGTH}, 4], found {} values",
                noise.len()
            )
        })?;
    }
    Ok(())
}

fn batches(change: Change<'_>) -> Checked {
    let together = changed(change, "a")?;
    let all = batch()?;
    for start in (0..ROWS).step_by(5) {
        let end = (start + 5).min(ROWS);
        let mut piece =
            SequenceBatch::new(all.codes[start * LENGTH..end * LENGTH].to_vec(), LENGTH)?;
        change(&mut piece, &seeds("a", start..end))?;
        // No noise at all and zeros for rows without noise are the same.
        let zeros = vec![0.0; (end - start) * LENGTH * 4];
        let part = together
            .noise
            .as_ref()
            .map_or(&zeros[..], |n| &n[start * LENGTH * 4..end * LENGTH * 4]);
        let same = piece.codes == together.codes[start * LENGTH..end * LENGTH]
            && piece.noise.as_deref().unwrap_or(&zeros) == part;
        ensure(same, || {
            format!("rows {start} to {end} differ from the same rows of a larger batch")
        })?;
    }
    Ok(())
}

fn edges(change: Change<'_>) -> Checked {
    let mut empty = SequenceBatch::new(Vec::new(), LENGTH)?;
    change(&mut empty, &[])?;
    ensure(empty.codes.is_empty(), || {
        "an empty batch gains sequences".to_owned()
    })?;
    let mut unknown = SequenceBatch::new(vec![4; LENGTH], LENGTH)?;
    change(&mut unknown, &seeds("a", 0..1))?;
    ensure(unknown.codes.len() == LENGTH, || {
        "a sequence of unknown bases changes its length".to_owned()
    })
}
