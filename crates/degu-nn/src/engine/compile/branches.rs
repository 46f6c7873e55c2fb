//! Layers around other layers: skip connections and parallel branches.

use super::super::error::EngineError;
use super::super::plan::{Linear, Source, Value};
use super::trim::Cut;
use super::{Compiler, Flow, Result, Stage};
use degu_core::graph::Layer;

impl Compiler<'_> {
    /// A skip connection around `body`, from the rows of the input that `cut` leaves.
    pub(super) fn residual(
        &mut self,
        cut: Cut,
        flow: Flow,
        body: impl FnOnce(&mut Self, Flow) -> Result<Flow>,
    ) -> Result<Flow> {
        let closed = self.close(flow, None)?;
        let Source::Value(x) = closed.at else {
            return Err(EngineError::unsupported(
                "residual",
                "kernel for a skip connection around the first layer",
            ));
        };
        let start = Flow {
            open: None,
            ..closed
        };
        let mut end = body(self, start)?;
        // A block without linear part that starts at x itself would read x twice: finish it first.
        let again = matches!(&end.open, Some((b, _)) if matches!(b.linear, Linear::None) && b.input == Source::Value(x));
        if again || end.open.is_none() {
            end = self.close(end, None)?;
        }
        let x = Value {
            row: x.row + cut.0,
            rows: x.rows.saturating_sub(cut.0 + cut.1),
            ..x
        };
        match &mut end.open {
            Some((block, stage)) if *stage < Stage::Skip => {
                block.skip = Some(x);
                *stage = Stage::Skip;
                Ok(end)
            }
            Some((block, _)) => {
                block.add = Some(x);
                self.close(end, None)
            }
            None => self.extend(end, Stage::Skip, |block| block.skip = Some(x)),
        }
    }

    pub(super) fn parallel(&mut self, branches: &[Vec<Layer>], flow: Flow) -> Result<Flow> {
        let closed = self.close(flow, None)?;
        let start = |closed: &Flow| Flow {
            at: closed.at,
            shape: closed.shape,
            open: None,
        };
        let mut ends = Vec::new();
        for branch in branches {
            ends.push(self.layers(branch, start(&closed))?);
        }
        let rows = ends.first().map_or(0, |e| e.shape.0);
        let total = ends.iter().map(|e| e.shape.1).sum();
        let joined = self.root(rows, total);
        let mut col = 0;
        for end in ends {
            let cols = end.shape.1;
            self.close(
                end,
                Some(Value {
                    cols,
                    col,
                    ..joined
                }),
            )?;
            col += cols;
        }
        Ok(Flow {
            at: Source::Value(joined),
            shape: (rows, total),
            open: None,
        })
    }
}
