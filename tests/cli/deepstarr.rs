//! `experiments/deepstarr.toml`, on a small file in the layout of the published one.

use std::{fmt::Write as _, path::Path};

#[test]
fn the_deepstarr_experiment_runs_on_a_file_in_the_published_layout() {
    let folder = tempfile::tempdir().unwrap();
    let mut table =
        "seqnames\tstart\tend\tID\tset\tSequence\tDev_log2_enrichment\tHk_log2_enrichment\n"
            .to_owned();
    let mut draws = degu_genome::Draws::new([3; 32]);
    for i in 0..60 {
        let set = ["Train", "Train", "Val", "Test"][i % 4];
        let codes: Vec<u8> = (0..249).map(|_| draws.below(4) as u8).collect();
        let (dev, hk) = (4.0 * draws.unit() - 1.0, 3.0 * draws.unit() - 1.0);
        for (strand, codes) in [
            ('+', codes.clone()),
            ('-', degu_genome::reverse_complement(&codes)),
        ] {
            let (start, end) = (1000 * i, 1000 * i + 248);
            let letters = degu_genome::decode(&codes);
            let id = format!("chr2L_{start}_{end}_{strand}_positive_peak");
            let _ = writeln!(
                table,
                "chr2L\t{start}\t{end}\t{id}\t{set}\t{letters}\t{dev}\t{hk}"
            );
        }
    }
    fs_err::write(folder.path().join("deepstarr_all_data.txt"), table).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/deepstarr.toml");
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("degu-lab"));
    command.args(["run", file.to_str().unwrap(), "--progress", "none"]);
    for set in [
        "ensemble.members=2",
        "distill.students=1",
        "training.epochs=1",
        "architecture.filters=[4, 4, 4, 4]",
        "architecture.units=[8, 8]",
    ] {
        command.args(["--set", set]);
    }
    let ran = command
        .current_dir(folder.path())
        .env("DEGU_DATA", folder.path())
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let run = folder.path().join("runs/deepstarr");
    let metrics = fs_err::read_to_string(run.join("tables/metrics.csv")).unwrap();
    assert!(
        metrics.contains(",Dev,pearson,") && metrics.contains(",Hk,pearson,"),
        "{metrics}"
    );
    let page = fs_err::read_to_string(run.join("report.html")).unwrap();
    assert!(
        !page.contains("No known difference."),
        "every plugin says how it differs"
    );
    assert!(page.contains("doi:10.1038/s41588-022-01048-5"));
    assert!(run.join("models/student-0/card.json").is_file());
}
