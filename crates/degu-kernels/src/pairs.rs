//! How often each base stands under each tap of the first layer, and each pair of bases under each
//! pair of taps.
//!
//! The first layer's output is linear in these indicators, so that its mean and variance over a
//! batch, and the part of its table's gradient that is linear in its output, follow from the counts
//! exactly: no pass over the output is needed.

use crate::lookup::CodeWindow;

/// Bases and N.
const SYMBOLS: usize = 5;

/// Counts over rows of output, for a look-up layer of `taps` taps. Row `4 t + b` of the table
/// stands for base `b` under tap `t`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeCounts {
    taps: usize,
    rows: u64,
    /// Of table rows, `[4 taps]`.
    single: Vec<u32>,
    /// Of pairs of table rows, the second of a later tap: `[taps, taps, 4, 4]`; the others stay
    /// zero.
    pairs: Vec<u32>,
}

impl CodeCounts {
    /// No rows.
    pub fn new(taps: usize) -> Self {
        Self {
            taps,
            rows: 0,
            single: vec![0; 4 * taps],
            pairs: vec![0; 16 * taps * taps],
        }
    }

    /// Forgets every row.
    pub fn clear(&mut self) {
        self.rows = 0;
        self.single.fill(0);
        self.pairs.fill(0);
    }

    /// Rows seen.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds the rows of one sequence.
    ///
    /// # Panics
    ///
    /// If the window has another number of taps.
    pub fn add(&mut self, codes: &[u8], window: CodeWindow) {
        assert_eq!(window.taps, self.taps, "taps");
        self.rows += window.rows as u64;
        let symbol = |p: usize| usize::from(codes[p].min(4));
        // Positions that tap t reads, before those outside of the sequence are left out.
        let first = |t: usize| {
            (window.first_row * window.stride + t * window.dilation) as isize - window.left as isize
        };
        for t in 0..self.taps {
            for m in 0..if window.stride == 1 { 0 } else { window.rows } {
                self.add_row(codes, window, t, m);
            }
        }
        if window.stride != 1 {
            return;
        }
        for lag in 0..self.taps {
            let distance = lag * window.dilation;
            let Some(end) = codes.len().checked_sub(distance) else {
                break;
            };
            let mut all = [0u32; SYMBOLS * SYMBOLS];
            let pair = |p: usize| symbol(p) * SYMBOLS + symbol(p + distance);
            for p in 0..end {
                all[pair(p)] += 1;
            }
            for t in 0..self.taps - lag {
                let from = first(t).clamp(0, end as isize) as usize;
                let to = (first(t) + window.rows as isize).clamp(from as isize, end as isize);
                let mut here = all;
                for p in (0..from).chain(to as usize..end) {
                    here[pair(p)] -= 1;
                }
                for a in 0..4 {
                    if lag == 0 {
                        self.single[4 * t + a] += here[a * SYMBOLS + a];
                        continue;
                    }
                    for b in 0..4 {
                        let at = (t * self.taps + t + lag) * 16 + 4 * a + b;
                        self.pairs[at] += here[a * SYMBOLS + b];
                    }
                }
            }
        }
    }

    /// Row `m` of a layer with a stride, for first tap `t`.
    fn add_row(&mut self, codes: &[u8], window: CodeWindow, t: usize, m: usize) {
        let base = |t: usize| {
            let at = ((window.first_row + m) * window.stride + t * window.dilation)
                .checked_sub(window.left)?;
            codes.get(at).map(|c| usize::from(*c)).filter(|c| *c < 4)
        };
        let Some(a) = base(t) else { return };
        self.single[4 * t + a] += 1;
        for u in t + 1..self.taps {
            if let Some(b) = base(u) {
                self.pairs[(t * self.taps + u) * 16 + 4 * a + b] += 1;
            }
        }
    }

    /// Adds the rows that `other` has seen.
    ///
    /// # Panics
    ///
    /// If `other` has another number of taps.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.taps, other.taps, "taps");
        self.rows += other.rows;
        let sum = |a: &mut Vec<u32>, b: &[u32]| {
            for (a, b) in a.iter_mut().zip(b) {
                *a += b;
            }
        };
        sum(&mut self.single, &other.single);
        sum(&mut self.pairs, &other.pairs);
    }

    /// How often table row `r` was read.
    pub fn single(&self, r: usize) -> f64 {
        f64::from(self.single[r])
    }

    /// How often table rows `r` and `s` were read by one row of output.
    pub fn pair(&self, r: usize, s: usize) -> f64 {
        let (t, u) = (r / 4, s / 4);
        match t.cmp(&u) {
            std::cmp::Ordering::Equal if r == s => self.single(r),
            std::cmp::Ordering::Equal => 0.0,
            std::cmp::Ordering::Less => {
                f64::from(self.pairs[(t * self.taps + u) * 16 + 4 * (r % 4) + s % 4])
            }
            std::cmp::Ordering::Greater => self.pair(s, r),
        }
    }

    /// Sums over rows of the output without bias, for each table row that the row of output read:
    /// `[4 taps, c_out]`, the product of the matrix of pairs and the table.
    ///
    /// # Panics
    ///
    /// If `table` is not `[taps, 4, c_out]`.
    pub fn product(&self, table: &[f32], c_out: usize, product: &mut Vec<f64>) {
        let rows = 4 * self.taps;
        assert_eq!(table.len(), rows * c_out, "table [taps, 4, c_out]");
        product.clear();
        product.resize(rows * c_out, 0.0);
        if c_out == 0 {
            return;
        }
        for (r, sums) in product.chunks_exact_mut(c_out).enumerate() {
            for (s, values) in table.chunks_exact(c_out).enumerate() {
                let n = self.pair(r, s);
                if n > 0.0 {
                    for (sum, v) in sums.iter_mut().zip(values) {
                        *sum += n * f64::from(*v);
                    }
                }
            }
        }
    }

    /// Mean and sum of squared deviations of each channel of `bias + output`, from
    /// [`product`](Self::product).
    ///
    /// # Panics
    ///
    /// If a slice does not fit the others.
    pub fn moments(
        &self,
        table: &[f32],
        bias: Option<&[f32]>,
        product: &[f64],
        mean: &mut [f64],
        m2: &mut [f64],
    ) {
        let (c_out, n) = (mean.len(), self.rows as f64);
        assert!(
            m2.len() == c_out
                && table.len() == 4 * self.taps * c_out
                && product.len() == table.len(),
            "a mean and a sum of squares per channel"
        );
        mean.fill(0.0);
        m2.fill(0.0);
        if c_out == 0 || self.rows == 0 {
            return;
        }
        for (r, values) in table.chunks_exact(c_out).enumerate() {
            let count = self.single(r);
            for (o, v) in values.iter().enumerate() {
                mean[o] += count * f64::from(*v);
                m2[o] += f64::from(*v) * product[r * c_out + o];
            }
        }
        for (o, (mean, m2)) in mean.iter_mut().zip(m2).enumerate() {
            *m2 = (*m2 - *mean * *mean / n).max(0.0);
            *mean = *mean / n + bias.map_or(0.0, |b| f64::from(b[o]));
        }
    }
}
