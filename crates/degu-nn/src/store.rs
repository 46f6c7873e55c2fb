//! Parameters by name, each drawn from its own stream.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use candle_core::{DType, Device, Tensor, Var};
use degu_core::{
    BatchStatistics, ModelIo, Network, Params, Seed,
    graph::{Graph, Init},
    model::TensorSource,
};

use crate::{
    Error, GraphNetwork, Result,
    array::{self, Array},
    error::Differences,
    init::initial_values,
    statistics::PooledStatistics,
};

/// Last components of the names of tensors that are saved but not trained.
const BUFFERS: [&str; 2] = ["running_mean", "running_var"];

/// The parameters and buffers of one network, ordered by name.
///
/// A tensor is a function of the seed, its name, its shape and its rule alone: the order in which
/// layers are made, the device and the number of threads do not matter. Asking again for a name
/// returns the same tensor (tied weights).
///
/// ```
/// use candle_core::{DType, Device};
/// use degu_core::{Seed, graph::{Graph, NormStyle}};
/// use degu_nn::ParamStore;
/// let graph = Graph::new(NormStyle::Keras).conv("conv1", 8, 5).batch_norm("norm1").relu().flatten();
/// let store = ParamStore::for_graph(&graph, 20, Seed::root(1).child("init"), DType::F32, &Device::Cpu)?;
/// assert_eq!(store.get("conv1.weight")?.dims(), [5, 4, 8]);
/// assert_eq!(store.parameters().len(), 4);
/// # Ok::<(), degu_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct ParamStore {
    seed: Seed,
    dtype: DType,
    device: Device,
    vars: Mutex<BTreeMap<String, Var>>,
}

impl ParamStore {
    /// An empty store that initialises from `seed` (the `init` stream of a member).
    pub fn new(seed: Seed, dtype: DType, device: &Device) -> Self {
        Self {
            seed,
            dtype,
            device: device.clone(),
            vars: Mutex::default(),
        }
    }

    /// A store with every tensor of `graph` for inputs of `length` bp.
    ///
    /// # Errors
    ///
    /// If the graph does not fit the length.
    pub fn for_graph(
        graph: &Graph,
        length: usize,
        seed: Seed,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let store = Self::new(seed, dtype, device);
        for p in graph.parameters(length)? {
            store.tensor(&p.name, &p.shape, p.init)?;
        }
        Ok(store)
    }

    /// The root of the tree of names, to build networks from.
    pub fn params(&self) -> Params<'_> {
        Params::new(self)
    }

    /// All tensors, sorted by name.
    pub fn tensors(&self) -> Vec<(String, Var)> {
        self.lock()
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    }

    /// The trained ones, sorted by name: what an optimizer gets.
    pub fn parameters(&self) -> Vec<(String, Var)> {
        let mut all = self.tensors();
        all.retain(|(name, _)| !is_buffer(name));
        all
    }

    /// Running statistics, sorted by name.
    pub fn buffers(&self) -> Vec<(String, Var)> {
        let mut all = self.tensors();
        all.retain(|(name, _)| is_buffer(name));
        all
    }

    /// Number of trained numbers.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|(_, v)| v.elem_count()).sum()
    }

    /// The tensor of a name; shares storage with the store.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTensor`].
    pub fn get(&self, name: &str) -> Result<Tensor> {
        Ok(self.var(name)?.as_tensor().clone())
    }

    fn var(&self, name: &str) -> Result<Var> {
        let vars = self.lock();
        vars.get(name).cloned().ok_or_else(|| Error::UnknownTensor {
            name: name.to_owned(),
            known: vars.keys().cloned().collect(),
        })
    }

    /// Replaces the values of a tensor, row-major.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTensor`], or [`Error::Length`] for another number of values.
    pub fn set(&self, name: &str, values: &[f32]) -> Result<()> {
        let var = self.var(name)?;
        if values.len() != var.elem_count() {
            return Err(Error::Length {
                name: name.to_owned(),
                expected: var.elem_count(),
                found: values.len(),
            });
        }
        let tensor = Tensor::from_slice(values, var.shape(), &self.device)?;
        Ok(var.set(&tensor.to_dtype(self.dtype)?)?)
    }

    /// The values of every tensor in single precision, by name.
    ///
    /// # Errors
    ///
    /// If values cannot be copied from the device.
    pub fn values_f32(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        Ok(self
            .snapshot()?
            .into_iter()
            .map(|(k, a)| (k, a.to_f32()))
            .collect())
    }

    /// A copy of every tensor by value, in its own precision.
    ///
    /// # Errors
    ///
    /// If values cannot be copied from the device.
    pub fn snapshot(&self) -> Result<BTreeMap<String, Array>> {
        self.lock()
            .iter()
            .map(|(k, v)| Ok((k.clone(), Array::of(v)?)))
            .collect()
    }

    /// Sets every tensor to saved values: nothing missing, nothing surplus, every shape equal.
    /// Nothing changes on an error.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] with all differences.
    pub fn restore(&self, saved: &BTreeMap<String, Array>) -> Result<()> {
        let differences = self.differences(saved);
        if !differences.is_empty() {
            return Err(Error::Mismatch(Box::new(differences)));
        }
        self.assign(saved)
    }

    fn assign(&self, saved: &BTreeMap<String, Array>) -> Result<()> {
        let vars = self.lock();
        for (name, array) in saved {
            if let Some(var) = vars.get(name).filter(|v| v.dims() == array.shape) {
                var.set(&array.tensor(self.dtype, &self.device)?)?;
            }
        }
        Ok(())
    }

    fn differences(&self, saved: &BTreeMap<String, Array>) -> Differences {
        let vars = self.lock();
        let mut d = Differences {
            surplus: saved
                .keys()
                .filter(|k| !vars.contains_key(*k))
                .cloned()
                .collect(),
            ..Differences::default()
        };
        for (name, var) in vars.iter() {
            match saved.get(name) {
                None => d.missing.push(name.clone()),
                Some(a) if a.shape != var.dims() => {
                    d.shapes
                        .push((name.clone(), var.dims().to_vec(), a.shape.clone()));
                }
                Some(_) => {}
            }
        }
        d
    }

    /// The tensors as a safetensors file; equal stores give equal bytes.
    ///
    /// # Errors
    ///
    /// If values cannot be copied from the device.
    pub fn to_bytes(&self, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
        Ok(array::to_bytes(&self.snapshot()?, metadata))
    }

    /// [`restore`](Self::restore) from a safetensors file; returns its metadata.
    ///
    /// # Errors
    ///
    /// As [`array::from_bytes`] and [`restore`](Self::restore).
    pub fn load_bytes(&self, bytes: &[u8]) -> Result<BTreeMap<String, String>> {
        let (arrays, metadata) = array::from_bytes(bytes)?;
        self.restore(&arrays)?;
        Ok(metadata)
    }

    /// Folds the statistics of a training batch into the running ones: `r + momentum (batch - r)`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTensor`] for a layer without running statistics.
    pub fn fold_statistics(&self, statistics: &BTreeMap<String, BatchStatistics>) -> Result<()> {
        for (path, s) in statistics {
            for (name, batch) in [("running_mean", &s.mean), ("running_var", &s.variance)] {
                let var = self.var(&format!("{path}.{name}"))?;
                let running = var.as_detached_tensor();
                let change = ((batch.detach() - &running)? * s.momentum)?;
                var.set(&(running + change)?)?;
            }
        }
        Ok(())
    }

    /// Replaces the running statistics of the named layers.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTensor`] for a layer without running statistics.
    pub fn replace_statistics(&self, pooled: &BTreeMap<String, PooledStatistics>) -> Result<()> {
        let single = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<_>>();
        for (path, statistics) in pooled {
            self.set(&format!("{path}.running_mean"), &single(statistics.mean()))?;
            self.set(
                &format!("{path}.running_var"),
                &single(&statistics.variance()),
            )?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Var>> {
        self.vars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a tensor of this name is saved but not trained.
pub fn is_buffer(name: &str) -> bool {
    BUFFERS.contains(&name.rsplit('.').next().unwrap_or(name))
}

impl TensorSource for ParamStore {
    fn tensor(&self, path: &str, shape: &[usize], init: Init) -> degu_core::Result<Tensor> {
        let mut vars = self.lock();
        if let Some(var) = vars.get(path) {
            if var.dims() != shape {
                return Err(degu_core::Error::Layer {
                    layer: path.to_owned(),
                    rule: "a tensor that two layers share has one shape",
                    found: format!("{:?} and {shape:?}", var.dims()),
                });
            }
            return Ok(var.as_tensor().clone());
        }
        let values = initial_values(self.seed.child(path), shape, init);
        let value = Tensor::from_vec(values, shape, &Device::Cpu)?
            .to_dtype(self.dtype)?
            .to_device(&self.device)?;
        let var = Var::from_tensor(&value)?;
        // The clone shares the variable's storage and id: gradients are found under it, updates are
        // seen through it.
        let tensor = var.as_tensor().clone();
        vars.insert(path.to_owned(), var);
        Ok(tensor)
    }

    fn dtype(&self) -> DType {
        self.dtype
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn network(
        &self,
        graph: Graph,
        io: &ModelIo,
        params: &Params<'_>,
    ) -> degu_core::Result<Box<dyn Network>> {
        GraphNetwork::boxed(graph, io, params)
    }
}
