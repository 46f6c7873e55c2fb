//! Multipliers of pairs.

use super::back::PairBuffers;
use super::{Probe, Scratch};
use crate::engine::forward::{self, Op};
use crate::engine::saliency::evaluation;
use crate::engine::{EngineError, Result};
use std::mem::take;

/// What a head makes of the raw outputs of `P` pairs, for one target.
#[derive(Clone, Debug)]
pub struct Slopes {
    /// Multipliers of the raw outputs, `[P, O]`.
    pub slopes: Vec<f32>,
    /// The target of each sequence, `P`.
    pub own: Vec<f64>,
    /// The target of each reference, `P`.
    pub references: Vec<f64>,
}

/// Multipliers of all pairs, for one target.
#[derive(Clone, Debug, Default)]
pub struct PairMultipliers {
    /// `[n, k, L, 4]`
    pub values: Vec<f32>,
    /// The target of the sequence of each pair, `n k`.
    pub own: Vec<f64>,
    /// The target of the reference of each pair, `n k`.
    pub references: Vec<f64>,
}

/// The raw outputs of sequences and of references, each `[P, O]`, to the slopes of every target.
pub(crate) type Head<'a> = dyn Fn(&[f32], &[f32]) -> degu_core::Result<Vec<Slopes>> + Sync + 'a;

/// A tile: rows that pass forward, and pairs of them that pass backward.
struct Tile<'a> {
    codes: Vec<u8>,
    pairs: Vec<(usize, usize)>,
    out: Vec<Part<'a>>,
}

/// A tile's part of the results of one target.
struct Part<'a> {
    values: &'a mut [f32],
    own: &'a mut [f64],
    references: &'a mut [f64],
}

impl Probe {
    /// Multipliers of `targets` targets for sequences and their references; without references,
    /// gradients.
    ///
    /// # Shapes
    ///
    /// * `codes` - base codes, `[n, L]`
    /// * `references` - base codes and their number per sequence, `[n, k, L]` and `k`
    /// * `head` - from raw outputs `[P, O]` of sequences and of references to the slopes of each
    ///   target
    ///
    /// # Errors
    ///
    /// [`EngineError::Length`] if a slice does not fit; whatever the head fails with.
    pub fn multipliers(
        &self,
        codes: &[u8],
        n: usize,
        references: Option<(&[u8], usize)>,
        targets: usize,
        head: &(dyn Fn(&[f32], &[f32]) -> degu_core::Result<Vec<Slopes>> + Sync),
    ) -> Result<Vec<PairMultipliers>> {
        self.engine.check(codes, n, usize::MAX)?;
        if let Some((rows, k)) = references {
            EngineError::length(
                "base codes of references",
                n * k * self.length(),
                rows.len(),
            )?;
        }
        let pairs = n * references.map_or(1, |(_, k)| k);
        let size = self.length() * 4;
        let mut all = vec![
            PairMultipliers {
                values: vec![0.0; pairs * size],
                own: vec![0.0; pairs],
                references: vec![0.0; pairs],
            };
            targets
        ];
        let mut tiles = self.tiles(codes, references);
        for target in &mut all {
            let mut values = target.values.as_mut_slice();
            let mut own = target.own.as_mut_slice();
            let mut other = target.references.as_mut_slice();
            for tile in &mut tiles {
                let count = tile.pairs.len();
                let (v, rest) = take(&mut values).split_at_mut(count * size);
                values = rest;
                let (o, rest) = take(&mut own).split_at_mut(count);
                own = rest;
                let (r, rest) = take(&mut other).split_at_mut(count);
                other = rest;
                tile.out.push(Part {
                    values: v,
                    own: o,
                    references: r,
                });
            }
        }
        let forward = evaluation(&self.engine.plan);
        self.each(tiles, |scratch, tile| {
            self.tile(scratch, &forward, tile, head)
        })?;
        Ok(all)
    }

    /// Pairs in order, in tiles of `self.rows` rows. A sequence whose references are cut is in each
    /// of their tiles.
    fn tiles<'a>(&self, codes: &[u8], references: Option<(&[u8], usize)>) -> Vec<Tile<'a>> {
        let empty = || Tile {
            codes: Vec::new(),
            pairs: Vec::new(),
            out: Vec::new(),
        };
        let (mut tiles, mut tile, mut rows) = (Vec::new(), empty(), 0);
        let length = self.length();
        for (i, own) in codes.chunks_exact(length).enumerate() {
            let Some((references, k)) = references else {
                if rows == self.rows {
                    tiles.push(std::mem::replace(&mut tile, empty()));
                    rows = 0;
                }
                tile.codes.extend_from_slice(own);
                tile.pairs.push((rows, rows));
                rows += 1;
                continue;
            };
            let mut at = None;
            for reference in references[i * k * length..][..k * length].chunks_exact(length) {
                let need = if at.is_some() { 1 } else { 2 };
                if rows + need > self.rows {
                    tiles.push(std::mem::replace(&mut tile, empty()));
                    (rows, at) = (0, None);
                }
                let owner = *at.get_or_insert_with(|| {
                    tile.codes.extend_from_slice(own);
                    rows += 1;
                    rows - 1
                });
                tile.codes.extend_from_slice(reference);
                tile.pairs.push((owner, rows));
                rows += 1;
            }
        }
        if !tile.pairs.is_empty() {
            tiles.push(tile);
        }
        tiles
    }

    fn tile(
        &self,
        scratch: &mut Scratch,
        forward: &[Op],
        tile: Tile<'_>,
        head: &Head<'_>,
    ) -> Result<()> {
        let (length, size) = (self.length(), self.outputs_per_sequence());
        let plan = &self.engine.plan;
        let buffers = scratch
            .pairs
            .get_or_insert_with(|| PairBuffers::new(plan, self.rows));
        let pass = self.pass(&tile.codes);
        buffers.arena.first = 0;
        buffers.arena.count = tile.codes.len() / length;
        buffers.own_row = None;
        forward::run(&pass, &mut buffers.arena, forward);
        let mut raw = vec![0.0; buffers.arena.count * size];
        pass.outputs(&buffers.arena, &mut raw);
        let rows = |row: fn(&(usize, usize)) -> usize| -> Vec<f32> {
            let of = |pair| raw[row(pair) * size..][..size].iter().copied();
            tile.pairs.iter().flat_map(of).collect()
        };
        let all = head(&rows(|p| p.0), &rows(|p| p.1))?;
        for (slopes, part) in all.iter().zip(tile.out) {
            EngineError::length("slopes", tile.pairs.len() * size, slopes.slopes.len())?;
            part.own.copy_from_slice(&slopes.own);
            part.references.copy_from_slice(&slopes.references);
            let slot = plan.roots[plan.output.root].slot;
            let stride = plan.slots[slot];
            for (n, row) in slopes.slopes.chunks_exact(size).enumerate() {
                buffers.arena.gradients[slot][n * stride..][..size].copy_from_slice(row);
            }
            pass.pairs_back(&self.spread, buffers, &tile.pairs, part.values);
        }
        Ok(())
    }
}
