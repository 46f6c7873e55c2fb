//! `degu-lab doctor`: tests of this machine and of a store.

use std::{path::Path, thread};

use degu_kernels::Isa;
use degu_train::Device;
use degu_workflow::store::Store;
use serde::Serialize;

use crate::{
    Result,
    output::{Output, Table},
};

#[derive(Serialize)]
struct Findings {
    version: &'static str,
    target: String,
    /// The vector instructions that the kernels use.
    kernels: String,
    /// All that this processor has a kernel for.
    available: Vec<String>,
    threads: usize,
    cuda: bool,
    cuda_detail: String,
    plugins: usize,
    store: String,
    store_works: bool,
    store_detail: String,
}

pub(crate) fn run(store: &Path, output: &mut Output) -> Result<()> {
    let kernels = match Isa::detect(None) {
        Ok(isa) => isa.name().to_owned(),
        Err(error) => error.to_string(),
    };
    let cuda = Device::Cuda(0).open();
    let probed = Store::open(store).and_then(|store| store.probe());
    let findings = Findings {
        version: env!("CARGO_PKG_VERSION"),
        target: format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
        kernels,
        available: Isa::available()
            .iter()
            .map(|isa| isa.name().to_owned())
            .collect(),
        threads: thread::available_parallelism().map_or(1, usize::from),
        cuda: cuda.is_ok(),
        cuda_detail: match cuda {
            Ok(_) => "device 0 opens".to_owned(),
            Err(error) => error.to_string(),
        },
        plugins: degu_core::registry::all()?.len(),
        store: store.display().to_string(),
        store_works: probed.is_ok(),
        store_detail: match &probed {
            Ok(()) => "exclusive creation, atomic rename and flush work".to_owned(),
            Err(error) => error.to_string(),
        },
    };
    output.result(&findings, || text(&findings))?;
    Ok(probed?)
}

fn text(f: &Findings) -> String {
    let mut table = Table::default();
    table.row(["degu-lab", &format!("{} on {}", f.version, f.target)]);
    table.row([
        "kernels",
        &format!("{} (of {})", f.kernels, f.available.join(", ")),
    ]);
    table.row(["threads", &f.threads.to_string()]);
    let word = if f.cuda { "yes" } else { "no" };
    table.row(["CUDA", &format!("{word}: {}", f.cuda_detail)]);
    table.row(["plugins", &f.plugins.to_string()]);
    let word = if f.store_works {
        "works"
    } else {
        "DOES NOT WORK"
    };
    table.row([
        "store",
        &format!("`{}` {word}: {}", f.store, f.store_detail),
    ]);
    table.render()
}
