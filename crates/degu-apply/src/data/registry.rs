//! Public data sets and where they are.

use super::fetch::FetchError;

/// A public data set.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// Name on the command line.
    pub name: &'static str,
    /// What was measured.
    pub title: &'static str,
    /// Citation, as a DOI.
    pub cite: &'static str,
    /// Page of the data, for files that have to be fetched by hand and for questions of licence.
    pub page: &'static str,
    /// The dataset plugin that reads it.
    pub plugin: &'static str,
    /// Files that can be fetched; none if the page offers no stable address.
    pub files: &'static [RemoteFile],
}

/// A file of a public data set.
#[derive(Debug, Clone, Copy)]
pub struct RemoteFile {
    /// Name of the local file.
    pub name: &'static str,
    /// Address.
    pub url: &'static str,
    /// Size in bytes, where it is known.
    pub bytes: Option<u64>,
    /// SHA-256 in hex, where it is known; otherwise the one of the first download is recorded
    /// beside the file.
    pub sha256: Option<&'static str>,
}

const fn file(name: &'static str, url: &'static str) -> RemoteFile {
    RemoteFile {
        name,
        url,
        bytes: None,
        sha256: None,
    }
}

const SOURCES: &[Source] = &[
    Source {
        name: "agarwal-lentimpra",
        title: "lentiMPRA libraries of HepG2, K562 and WTC11: supplementary tables 3, 4, 10 and 11",
        cite: "doi:10.1038/s41586-024-08430-9",
        page: "https://doi.org/10.1038/s41586-024-08430-9",
        plugin: "lentimpra",
        files: &[],
    },
    Source {
        name: "deepstarr",
        title: "UMI-STARR-seq of Drosophila S2 cells, developmental and housekeeping, 249 bp, 484,052 rows",
        cite: "doi:10.1038/s41588-022-01048-5",
        page: "https://doi.org/10.5281/zenodo.5502060",
        plugin: "deepstarr",
        files: &[
            file(
                "Sequences_Train.fa",
                "https://zenodo.org/records/5502060/files/Sequences_Train.fa?download=1",
            ),
            file(
                "Sequences_Val.fa",
                "https://zenodo.org/records/5502060/files/Sequences_Val.fa?download=1",
            ),
            file(
                "Sequences_Test.fa",
                "https://zenodo.org/records/5502060/files/Sequences_Test.fa?download=1",
            ),
            file(
                "Sequences_activity_Train.txt",
                "https://zenodo.org/records/5502060/files/Sequences_activity_Train.txt?download=1",
            ),
            file(
                "Sequences_activity_Val.txt",
                "https://zenodo.org/records/5502060/files/Sequences_activity_Val.txt?download=1",
            ),
            file(
                "Sequences_activity_Test.txt",
                "https://zenodo.org/records/5502060/files/Sequences_activity_Test.txt?download=1",
            ),
        ],
    },
    Source {
        name: "deepstarr-evoaug",
        title: "the same as one HDF5 file, as repackaged for EvoAug",
        cite: "doi:10.1186/s13059-023-02941-w",
        page: "https://doi.org/10.5281/zenodo.7265991",
        plugin: "deepstarr",
        files: &[file(
            "DeepSTARR_data.h5",
            "https://zenodo.org/records/7265991/files/DeepSTARR_data.h5?download=1",
        )],
    },
    Source {
        name: "degu",
        title: "data of the DEGU paper: lentiMPRA with replicate standard deviations, DeepSTARR with a teacher's labels",
        cite: "doi:10.1101/2024.11.13.623485",
        page: "https://doi.org/10.5281/zenodo.14145284",
        plugin: "lentimpra",
        files: &[
            file(
                "lentiMPRA_K562_activity_and_aleatoric_data.h5",
                "https://zenodo.org/records/14145285/files/lentiMPRA_K562_activity_and_aleatoric_data.h5?download=1",
            ),
            file(
                "lentiMPRA_HepG2_activity_and_aleatoric_data.h5",
                "https://zenodo.org/records/14145285/files/lentiMPRA_HepG2_activity_and_aleatoric_data.h5?download=1",
            ),
            file(
                "DeepSTARR_distillation_data.h5",
                "https://zenodo.org/records/14145285/files/DeepSTARR_distillation_data.h5?download=1",
            ),
        ],
    },
];

/// All public data sets that are known, by name.
pub fn sources() -> &'static [Source] {
    SOURCES
}

/// The data set with the given name.
///
/// # Errors
///
/// [`FetchError::UnknownSource`] with the names there are.
pub fn find(name: &str) -> Result<&'static Source, FetchError> {
    SOURCES
        .iter()
        .find(|source| source.name == name)
        .ok_or_else(|| FetchError::UnknownSource {
            name: name.to_owned(),
            nearest: degu_core::suggest::nearest(name, SOURCES.iter().map(|source| source.name)),
            known: SOURCES.iter().map(|source| source.name).collect(),
        })
}
